"""A recognizer in the page's words."""

from pathlib import Path

from spm.builtin_clip.model.files import NAME as BUILTIN_CLIP
from spm.builtin_clip.model.files import TAG
from spm.episodes.threshold import why_none
from spm.model.towers import table
from spm.page.results import Known
from spm.recognition.commands import summary
from spm.recognition.recognizer import Recognizer
from spm.results.start import start_in_words


def known(recognizer: Recognizer, folder: Path) -> Known:
    """What the recognizer in `folder` is and knows."""
    return Known(
        folder=folder,
        examples={name: len(each) for name, each in recognizer.classes.items()},
        seen=_seen(recognizer),
        none_of_these=_none_of_these(recognizer),
        details=summary(recognizer),
    )


def _seen(recognizer: Recognizer) -> str:
    config = recognizer.model.config
    backbone = config.backbone
    clips = _trained(recognizer)
    if (backbone.name, backbone.weights) == (BUILTIN_CLIP, TAG):
        return (
            f"Its tower was trained on pictures of drawn shapes, and {clips}: on videos of the "
            "world expect answers near chance."
        )
    if doubt := table.doubt(backbone):
        return f"{doubt[0].upper()}{doubt[1:]}."
    return f"Its tower began from {start_in_words(config)}; {clips}."


def _trained(recognizer: Recognizer) -> str:
    """What the model was trained on after its tower."""
    model = recognizer.model
    if number := model.config.train_classes:
        return f"the model then on clips of {number} actions"
    if any(True for _ in model.method.parameters()):
        return "on which clips the model was trained is not recorded"
    return "nothing on clips"


def _none_of_these(recognizer: Recognizer) -> str:
    threshold = recognizer.threshold
    if threshold is None:
        return f"It cannot say “none of these”: {why_none(recognizer.model)}."
    own = (
        f" Of its own examples, each left out and asked, {threshold.own_recalled} of "
        f"{threshold.own_known} pass."
        if threshold.own_known
        else ""
    )
    return (
        f"It can say “none of these”; about {100 * threshold.false_alarms:.3g} % of clips of other "
        f"actions still pass.{own}"
    )
