"""What is known of the class texts, in words: for tables, reports and predictions."""

from typing import Any

CONTROLS = {
    "zero": "zero text at test",
    "mean": "one mean text for all",
    "permuted": "texts permuted",
}
"""The controls of a model that was trained with its own texts -> their names in tables."""
_OVER = {"zero": "zero text", "mean": "one mean text", "permuted": "permuted texts"}
_OTHER_CONTROL = "a model trained with all-zero text is another control: prompts.control: zero"
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
    """The differences of each shot, and what they leave out; [] if no control was measured.

    The rows of the controls have other episodes than the model's own row, so that a difference of
    two rows is not paired.
    """
    measured = {
        shot: summary["text_controls"]
        for shot, summary in results["shots"].items()
        if summary["text_controls"]
    }
    if not measured:
        return []
    episodes = next(iter(measured.values()))["episodes"]
    return [
        f"what the text is worth at test, in points, paired over the first {episodes} episodes:",
        *(f"  {shot}-shot: {_differences(controls)}" for shot, controls in measured.items()),
        f"  ({_OTHER_CONTROL})",
    ]


def _differences(controls: dict[str, Any]) -> str:
    """ "+0.35 ± 0.12 over zero text, …" """
    points = [(name, *worth(controls, control=key)) for key, name in _OVER.items()]
    return ", ".join(f"{mean:+.2f} ± {interval:.2f} over {name}" for name, mean, interval in points)
