"""What a recognizer says, in words: what it was shown, its percentages, the classes of a clip."""

from collections.abc import Mapping

from spm.base.printable import printable
from spm.model.model import FewShotModel
from spm.recognition.recognizer import Recognizer
from spm.results.text_words import text_state


def conditions(recognizer: Recognizer, *, how: str) -> str:
    """ "3 classes, 15 support clips; each clip on its own; text: trained" """
    text = {None: "not used", True: "trained", False: "untrained"}[recognizer.text_trained]
    clips = sum(len(each.clips) for each in recognizer.classes.values())
    control = recognizer.model.config.prompts.control
    return (
        f"{len(recognizer.classes)} classes, {clips} support clips; {how}; "
        f"text: {text_state(text, control=control)}"
    )


def percentages(model: FewShotModel, *, transductive: bool) -> str:
    """Whether the percentages say how often such an answer is right."""
    calibration = model.calibration
    words = f"percentages: {calibration.in_words(transductive=transductive)}"
    if calibration.fit(transductive=transductive) is not None:
        return words
    return f"{words}: they rank the classes, and say no more"


def ranking(probabilities: Mapping[str, float]) -> str:
    """A line for each class with its percentage, the most likely one first."""
    names = {name: printable(name) for name in probabilities}
    width = max(map(len, names.values()))
    ranked = sorted(probabilities, key=lambda name: (-probabilities[name], names[name]))
    return "\n".join(
        f"  {names[name]:<{width}}  {100 * probabilities[name]:6.2f} %" for name in ranked
    )
