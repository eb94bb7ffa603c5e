"""Clips of `motion` of which it is known which pixels the moving objects cover."""

import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from spm.episodes.clip_pixels import read_pixels
from spm.model.model import FewShotModel
from spm.motion.look import Nuisance, draw_nuisance
from spm.motion.render import render


class Moving(NamedTuple):
    pixels: Tensor
    """[T, side, side, 3] uint8, as the model takes them."""
    covered: NDArray[np.float64]
    """[T, side, side], 1 where an object of the action is; the distractor is none."""


def moving(folder: Path, name: str, number: int, *, model: FewShotModel) -> Moving:
    """Clip `number` of an action, as the model would read it from `folder`."""
    nuisance = draw_nuisance(np.random.default_rng([7, zlib.crc32(name.encode()), number]))
    apart = np.abs(_painted(name, nuisance, 255.0) - _painted(name, nuisance, 0.0)).max(axis=-1)
    covered = np.repeat(255 * (apart > 127)[..., None].astype(np.uint8), 3, axis=-1)
    seen, mask = (
        read_pixels(
            _written(frames, folder / f"{name}_{number}_{what}"),
            frames=model.config.frames,
            size=model.image_size,
        )
        for frames, what in ((render(name, nuisance), "clip"), (covered, "mask"))
    )
    return Moving(seen, mask[..., 0].numpy() / 255)


def _painted(name: str, nuisance: Nuisance, value: float) -> NDArray[np.float64]:
    objects = tuple(each._replace(colours=np.full((2, 3), value)) for each in nuisance.objects)
    return render(name, nuisance._replace(noise=0.0, objects=objects)).astype(float)


def _written(frames: NDArray[np.uint8], folder: Path) -> Path:
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number:04d}.png")
    return folder
