"""The alignment of a query with the class that it was taken for, and what it aligned.

Shapes: `T` frames.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spm.frames.store import FrameStore
from spm.model.model import FewShotModel
from spm.report.asked_queries import AskedQuery, frames_of


@dataclass(frozen=True)
class AlignmentExample:
    """The alignment of one query with the prototype of the predicted class."""

    actual: str
    """Text of the query's class."""
    predicted: str
    """Text of the predicted class."""
    right: bool
    probability: float
    """Probability of the predicted class, calibrated if the model is, in percent."""
    query_frames: NDArray[np.uint8]
    """[T, H, W, 3], the query's frames as the model takes them."""
    support_frames: NDArray[np.uint8]
    """[T, H, W, 3], the frames of the predicted class's first support clip."""
    distance: NDArray[np.float64]
    """[T, T], the method's distance of query frames (rows) and class frames (columns)."""
    weights: NDArray[np.float64]
    """[T, T], the weight of each pair of frames in the distance of query and class; OTAM: 0…2."""


def alignment_example(
    model: FewShotModel, asked: AskedQuery, *, frames: FrameStore
) -> AlignmentExample | None:
    """None for a method that aligns no frames."""
    with torch.no_grad():
        found = model.method.explain(asked.episode)
    if found is None:
        return None
    distance, weights = (each[asked.number, asked.label].cpu().numpy() for each in found)
    return AlignmentExample(
        actual=asked.actual,
        predicted=asked.predicted,
        right=asked.right,
        probability=asked.probability,
        query_frames=frames_of(model, frames, asked.clip),
        support_frames=frames_of(model, frames, asked.support),
        distance=distance,
        weights=weights,
    )
