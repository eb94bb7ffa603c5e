"""What is known of the class texts, in words: for tables, reports and predictions."""

from typing import Any

CONTROLS = {
    "zero": "zero text at test",
    "mean": "one mean text for all",
    "permuted": "texts permuted",
}
"""The controls of a model that was trained with its own texts -> their names in tables."""
OTHER_CONTROL = "a model trained with all-zero text is another control: prompts.control: zero"
_TRAINED_WITH = {
    "zero": "all-zero",
    "mean": "one mean text for all classes",
    "permuted": "permuted among the classes",
}


def text_state(text: str, *, control: str) -> str:
    """
    >>> text_state("trained", control="none")
    'trained'
    >>> text_state("trained", control="zero")
    'trained; control: all-zero, in training and at test'
    """
    if control == "none":
        return text
    return f"{text}; control: {_TRAINED_WITH[control]}, in training and at test"


def worth(controls: dict[str, Any], *, control: str = "zero") -> tuple[float, float]:
    """Points that the model is above the control, over the same episodes, and their interval.

    controls: the value of `text_controls` in evaluate.json.
    """
    measured = controls[control]
    return 0 - measured["difference"], measured["difference_ci95"]


def worth_lines(results: dict[str, Any]) -> list[str]:
    """A line for each shot, and what the lines leave out; [] if no control was measured."""
    lines = []
    for shot, summary in results["shots"].items():
        if controls := summary["text_controls"]:
            points, interval = worth(controls)
            lines.append(
                f"what the text is worth, {shot}-shot: {points:+.2f} ± {interval:.2f} points over "
                f"all-zero text at test (first {controls['episodes']} episodes)"
            )
    if lines:
        lines.append(f"  ({OTHER_CONTROL})")
    return lines
