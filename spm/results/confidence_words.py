"""What a model's confidence is worth, in words: for tables and the report."""

from typing import Any

_KINDS = {"model": "", "inductive": "inductive"}
"""The keys of `confidence` in evaluate.json -> what a table adds to the method's title."""


def off_by(measured: dict[str, Any]) -> str:
    """ "off by 2.1 points on average (ECE), 6.3 before calibration (temperature 1.83)".

    measured: a value of `confidence` in evaluate.json.
    """
    after, before = measured["after"]["ece"], measured["before"]["ece"]
    words = f"off by {after:.1f} points on average (ECE)"
    if measured["temperature"] is None:
        return f"{words}, {measured['calibration']}"
    temperature = f"temperature {measured['temperature']:.3g}"
    return f"{words}, {before:.1f} before calibration ({temperature})"


def by_title(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of the headline's shot: "CLIP-SPM", "CLIP-SPM, inductive" -> a value of `confidence`."""
    return {
        _joined(results["title"], name): measured
        for name, measured in _measured(results, results).items()
    }


def confidence_lines(results: dict[str, Any]) -> list[str]:
    """A line for each shot and kind of answers; [] if no confidence was measured."""
    several = len(results["shots"]) > 1
    lines = []
    for shot, summary in results["shots"].items():
        for name, measured in _measured(results, summary).items():
            of = _joined("confidence", f"{shot}-shot" if several else "", name)
            lines.append(f"{of}: {off_by(measured)}")
    return lines


def _measured(results: dict[str, Any], summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a table adds to the title -> a value of `confidence`, of one shot.

    Of a method that is not transductive the inductive answers are the model's own, shown once.
    """
    found = summary["confidence"] or {}
    return {
        name: found[kind]
        for kind, name in _KINDS.items()
        if kind in found and (not name or results["transductive"])
    }


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))
