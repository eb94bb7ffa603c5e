"""The threshold of "none of these": the score below which a clip is of none of the classes.

It promises a share of false alarms: of clips that are none of the classes, how many are taken for
one of them all the same. It is the quantile of the background score of such clips, in episodes of
validation classes with as many classes and examples; and, where the user's own examples can tell,
of their scores too, at the same weight.
"""

from typing import NamedTuple

import numpy as np
import torch
from pydantic import Field

from spm.config.base import Section
from spm.episodes.evaluation import EncodedClips
from spm.episodes.open_set import BEST, measure_open
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.scores import Floats
from spm.model.background import Background
from spm.model.model import FewShotModel
from spm.model.text_controls import controlled

LEAST_CLASSES = 5
"""Fewer validation classes promise nothing: each leaves too few that are unknown."""
_EPISODES, _UNKNOWN, _BATCH = 60, 5, 10
_SEED = 0
PROMISED = 0.1
"""The share of false alarms that is promised where nobody asks for another."""


class OwnScores(NamedTuple):
    """Background scores of a user's own examples; empty: there are too few to tell."""

    known: Floats
    """[k], of examples that were left out of their class."""
    unknown: Floats
    """[u], of examples whose class was left out."""


NO_SCORES = OwnScores(np.zeros(0), np.zeros(0))


class Threshold(Section):
    """A threshold, and what it was made of."""

    value: float = Field(allow_inf_nan=False)
    false_alarms: float = Field(gt=0, lt=1)
    """The share that it promises."""
    recall: float = Field(ge=0, le=1)
    """The share of validation clips of known classes that are above it."""
    way: int = Field(ge=2)
    """Classes of the validation episodes: fewer than the recognizer's if the split has no more."""
    shot: int = Field(ge=1)
    own: int = Field(ge=0)
    """The user's own examples that had a part in it, each asked of the other classes."""
    own_known: int = Field(ge=0)
    """Those that were asked of all classes, the example itself left out of its own."""
    own_recalled: int = Field(ge=0)
    """Those of them that are above the threshold."""

    def in_words(self) -> str:
        """ "none of these: of other clips about 10 % pass for one of the classes, by …" """
        own = f" and {self.own} of your examples" if self.own else ""
        recalled = (
            f"; of your own, left out, {self.own_recalled} of {self.own_known} are recognized"
            if self.own_known
            else ""
        )
        return (
            f"none of these: of other clips about {100 * self.false_alarms:.3g} % pass for one of "
            f"the classes, by {self.way}-way {self.shot}-shot validation episodes{own}{recalled}"
        )


def why_none(model: FewShotModel) -> str:
    """Why the model promises nothing; "" if it can."""
    background = model.background
    if background is None:
        return "the model keeps no background classes: nothing was trained, or by an older version"
    found = int(background.labels.max()) + 1
    if found < LEAST_CLASSES:
        return (
            f"the validation split has {found} classes, and a promise takes {LEAST_CLASSES} or more"
        )
    return ""


def fit_threshold(
    model: FewShotModel, *, way: int, shot: int, false_alarms: float, own: OwnScores = NO_SCORES
) -> Threshold:
    """The threshold for episodes of this size, or of the largest that validation has below.

    A way that validation has not is made up for: with N classes an unknown clip has N / way as many
    chances to pass. Raises ValueError for a model that promises nothing (`why_none`).
    """
    background = model.background
    if background is None or why_none(model):
        raise ValueError(why_none(model))
    sampler = _sampler(background, way=way, shot=shot)
    found = measure_open(
        model,
        encoded=EncodedClips(
            background.validation.to(next(model.parameters())), np.arange(len(background.labels))
        ),
        sampler=sampler,
        class_text=_texts(model, background),
        episodes=_EPISODES,
        unknown=_UNKNOWN,
        batch=_BATCH,
        progress=False,
    )
    share = 1 - false_alarms * sampler.way / way
    value = _quantile([found.unknown[BEST].ravel(), own.unknown], share=share)
    return Threshold(
        value=value,
        false_alarms=false_alarms,
        recall=float((found.known[BEST] >= value).mean()),
        way=sampler.way,
        shot=sampler.shot,
        own=len(own.unknown),
        own_known=len(own.known),
        own_recalled=int((own.known >= value).sum()),
    )


def _sampler(background: Background, *, way: int, shot: int) -> EpisodeSampler:
    labels = background.labels.numpy()
    classes = {f"{number:06}": np.flatnonzero(labels == number) for number in np.unique(labels)}
    fewest = min(map(len, classes.values()))
    return EpisodeSampler(
        classes,
        way=min(way, len(classes) - 1),
        shot=max(1, min(shot, fewest - 1)),
        query=1,
        seed=_SEED,
        split="val",
    )


def _texts(model: FewShotModel, background: Background) -> torch.Tensor | None:
    if background.validation_texts is None or not model.config.model.needs.text:
        return None
    return controlled(background.validation_texts, model.config.prompts.control)


def _quantile(groups: list[Floats], *, share: float) -> float:
    """The value below which `share` lies, every group that is not empty having the same weight."""
    groups = [each for each in groups if len(each)]
    values = np.concatenate(groups)
    weights = np.concatenate([np.full(len(each), 1 / len(each)) for each in groups])
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / len(groups)
    place = min(int(np.searchsorted(reached, share)), len(values) - 1)
    return float(values[order[place]])
