"""Why a recognizer says so: the frames that it looked at, and where.

Shapes: `T` frames.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from spm.base.errors import DataError
from spm.dataset.names import composed
from spm.heat.grad_cam import heat_map
from spm.recognition.clips import encode, read_each

if TYPE_CHECKING:
    from spm.recognition.recognizer import Answer, Recognizer


@dataclass(frozen=True)
class Explanation:
    """A recognizer's answer to a clip, with where it looked for one of its classes."""

    answer: "Answer"
    name: str
    """The class whose logit the heat raises."""
    frames: NDArray[np.uint8]
    """[T, side, side, 3], the clip as the model takes it."""
    heat: NDArray[np.float32]
    """[T, side, side], from 0 to 1, the hottest place of the clip (spm.heat.grad_cam). All zeros:
    no place raises the logit."""


def explain(recognizer: "Recognizer", clip: Path, *, name: str | None) -> Explanation:
    """As `Recognizer.explain`."""
    classes = list(recognizer.classes)
    wanted = None if name is None else composed(name)
    if wanted is not None and wanted not in classes:
        raise DataError(f"there is no class {wanted!r}: {', '.join(classes)}")
    ((_, seen),) = read_each(recognizer.model, [clip])
    if isinstance(seen, str):
        raise DataError(f"{clip}: {seen}")
    answer = recognizer.answer(encode(recognizer.model, seen).features, clip=clip)
    wanted = wanted or answer.best
    heat = heat_of(recognizer, seen.pixels, name=wanted)
    return Explanation(answer, wanted, seen.pixels.numpy(), heat)


def heat_of(recognizer: "Recognizer", pixels: Tensor, *, name: str) -> NDArray[np.float32]:
    """Where frames [T, side, side, 3] uint8 speak for one of the classes, as `Explanation.heat`.

    Raises ConfigError for a tower whose activations have no known places.
    """
    return heat_map(
        recognizer.model,
        pixels,
        lambda features: recognizer.logits(features[None]),
        label=list(recognizer.classes).index(name),
    )
