"""The example of a class that a clip is nearest to, and how its frames were matched with it."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import torch
from torch import Tensor

from spm.methods.base import Alignment
from spm.recognition.enrolled import EnrolledClass, episode_of
from spm.recognition.recognizer import Recognizer


class Nearest(NamedTuple):
    """An example."""

    clip: str
    """Its path, as it was given."""
    alignment: Alignment
    """Of the clip's frames [T] and its own [T']: [T, T']."""


def nearest(recognizer: Recognizer, of_class: EnrolledClass, features: Tensor) -> Nearest | None:
    """Among the examples of the class, each asked as if it were a class of its own.

    features: the clip's, [T, *feature_shape]. None if the method aligns no frames.
    """
    model, count = recognizer.model, len(of_class)
    alone = [_only(of_class, number) for number in range(count)]
    # A single class is asked against itself: not every method takes an episode of one class.
    episode = episode_of(model, alone if count > 1 else alone * 2, features[None])
    with torch.no_grad():
        found = model.method.explain(episode)
        best = int(model.method.classify_each(episode)[0, :count].argmax())
    if found is None:
        return None
    return Nearest(of_class.clips[best], Alignment(*(each[0, best].cpu() for each in found)))


def held_example(clip: str, *, folders: Sequence[Path]) -> Path | None:
    """The example's file, if it is one of those in `folders`.

    A loaded recognizer's says where its clip was on another machine: that is not looked for.
    """
    path = PurePosixPath(clip)
    if path.is_absolute() or ".." in path.parts:
        return None
    return next((each / clip for each in folders if (each / clip).is_file()), None)


def _only(of_class: EnrolledClass, number: int) -> EnrolledClass:
    for other in reversed([each for each in range(len(of_class)) if each != number]):
        of_class = of_class.without(other)
    return of_class
