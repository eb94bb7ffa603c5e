"""What a model knows of clips that are none of the classes, in words: for tables and the report."""

from typing import Any

NAMES = {
    "probability": "largest probability",
    "margin": "margin of the best two classes",
    "distance": "distance",
    "background": "distance against background classes",
}
"""The scores of spm.episodes.open_set, in words."""


def unknown_lines(results: dict[str, Any]) -> list[str]:
    """Two lines for each shot: how well the best score tells, and the promise beside its outcome;
    [] if it was not measured."""
    lines = []
    for shot, summary in results["shots"].items():
        if measured := summary["unknown"]:
            best = max(measured["scores"], key=lambda name: measured["scores"][name]["auroc"])
            lines += [
                f"none of the classes, {shot}-shot: {telling(measured['scores'][best])}, by "
                f"{NAMES[best]}",
                f"  {promise(measured['promise'])}",
            ]
    return lines


def telling(score: dict[str, Any]) -> str:
    """ "AUROC 87.4 (86.1 to 88.6), 41.0 % false alarms at 95 % recall (37.2 to 45.1)" """
    return (
        f"AUROC {score['auroc']:.1f} ({_interval(score['auroc_ci95'])}), "
        f"{score['false_alarms_at_95']:.1f} % false alarms at 95 % recall "
        f"({_interval(score['false_alarms_at_95_ci95'])})"
    )


def promise(made: dict[str, Any]) -> str:
    """ "promised by validation: 10 % false alarms; came out: 12.4 % (10.9 to 13.8), …" """
    if "reason" in made:
        return f"no promise of false alarms: {made['reason']}"
    return (
        f"promised by validation, {made['way']}-way {made['shot']}-shot: "
        f"{made['promised']:.0f} % false alarms; came out: {made['false_alarms']:.1f} % "
        f"({_interval(made['false_alarms_ci95'])}), with {made['recall']:.1f} % recall"
    )


def _interval(bounds: list[float]) -> str:
    low, high = bounds
    return f"{low:.1f} to {high:.1f}"
