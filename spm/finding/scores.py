"""What a recognizer says of windows, many at a time.

Shapes: `W` windows, `T` frames, `N` classes.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spm.episodes.open_set import background_score
from spm.finding.windows import Ints
from spm.recognition.enrolled import episode_of
from spm.recognition.recognizer import Recognizer

Floats = NDArray[np.float64]


class WindowScores(NamedTuple):
    """The windows of a video, and what they were found to be."""

    windows: Ints
    """[W, 2] start and length, in pictures."""
    score: Floats
    """[W] as `Answer.score`; for a recognizer without a threshold the largest probability."""
    probabilities: Floats
    """[W, N] as `Answer.probabilities`; NaN where the score does not reach the threshold."""

    def until(self, end: int) -> "WindowScores":
        """The windows that end before picture `end`."""
        rows = self.windows.sum(axis=1) <= end
        return WindowScores(self.windows[rows], self.score[rows], self.probabilities[rows])

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """[W] whether the score reaches the threshold."""
        return ~np.isnan(self.probabilities[:, 0])


def score(recognizer: Recognizer, windows: Ints, clips: Tensor) -> WindowScores:
    """clips: the features [W, T, *feature_shape] of the windows [W, 2]. Each window is asked alone.

    As `Recognizer.answer` of each, to rounding: here a batch of them is one computation.
    """
    way, threshold = len(recognizer.classes), recognizer.threshold
    probabilities = np.full((len(windows), way), np.nan)
    if threshold is None:
        known = np.ones(len(windows), np.bool_)
    else:
        found = _background_scores(recognizer, clips)
        known = found >= threshold.value
    if known.any():
        probabilities[known] = _probabilities(recognizer, clips[torch.from_numpy(known)])
    if threshold is None:
        found = probabilities.max(axis=1, initial=0)
    return WindowScores(windows, found, probabilities)


def _background_scores(recognizer: Recognizer, clips: Tensor) -> Floats:
    model, classes = recognizer.model, list(recognizer.classes.values())
    assert model.background is not None
    with torch.no_grad():
        found = background_score(model, episode_of(model, classes, clips), model.background)
    return np.asarray(found.double().cpu().numpy())


def _probabilities(recognizer: Recognizer, clips: Tensor) -> Floats:
    model, classes = recognizer.model, list(recognizer.classes.values())
    with torch.no_grad():
        logits = model.method.classify_each(episode_of(model, classes, clips))
    return np.asarray(model.probabilities(logits, transductive=False).double().cpu().numpy())


def joined(parts: list[WindowScores], *, way: int) -> WindowScores:
    """All windows of these parts, one after the other; way: N."""
    if not parts:
        return WindowScores(np.empty((0, 2), np.int64), np.empty(0), np.empty((0, way)))
    windows, found, probabilities = zip(*parts, strict=True)
    return WindowScores(
        np.concatenate(windows), np.concatenate(found), np.concatenate(probabilities)
    )
