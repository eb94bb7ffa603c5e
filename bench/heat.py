"""Whether heat lies on the moving objects of `motion`: `python -m bench.heat [MODEL FOLDER]`.

Prints the median over clips of the share of the heat of the predicted class's logit that lies on
the objects of the action, in units of the share of the area that they cover, and the same for heat
that is wrong: mirrored, half a clip later, or that of another class's clip. The classes are the
test split's; 5-way 1-shot, each clip alone. Without a folder: `data/model`.
"""

import argparse
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from spm.base import command
from spm.episodes.clip_pixels import read_pixels
from spm.heat.grad_cam import heat_map
from spm.model.model import FewShotModel, load_model
from spm.motion.look import Nuisance, draw_nuisance
from spm.motion.render import render
from spm.recognition.recognizer import Recognizer

ACTIONS = (
    "moving_something_down",
    "moving_something_up",
    "moving_something_away_from_the_camera",
    "moving_something_in_a_circle_clockwise",
    "putting_something_onto_something",
)
QUERIES = 20
"""Clips of each action."""
WRONG = ("mirrored", "half a clip later", "another class's clip")

Heat = NDArray[np.float32]


class Moving(NamedTuple):
    """A clip of which it is known where the action's objects are."""

    path: Path
    pixels: Tensor
    """[T, side, side, 3] uint8, as the model takes them."""
    covered: NDArray[np.float64]
    """[T, side, side], 1 on an object of the action; the distractor is none."""


class Shares(NamedTuple):
    """Of each clip, the share of heat on the objects, over their share of the area."""

    own: list[float]
    wrong: dict[str, list[float]]
    """By the names in `WRONG`."""


def measure(
    model: FewShotModel, folder: Path, *, actions: Sequence[str] = ACTIONS, queries: int = QUERIES
) -> Shares:
    """folder: for the clips. The first clip of each action is shown, the next are asked."""
    made = {
        name: [moving(folder, name, number, model=model) for number in range(queries + 1)]
        for name in actions
    }
    shown = {name: [clips[0].path] for name, clips in made.items()}
    recognizer = Recognizer.enroll(model, shown, false_alarms=None)
    clips = [clip for of_class in made.values() for clip in of_class[1:]]
    heat = [_heat(recognizer, clip) for clip in clips]
    covered = [clip.covered for clip in clips]
    wrong = dict(zip(WRONG, _wrong(heat, queries=queries), strict=True))
    return Shares(
        [*map(times_its_area, heat, covered)],
        {name: [*map(times_its_area, each, covered)] for name, each in wrong.items()},
    )


def times_its_area(heat: Heat, covered: NDArray[np.float64]) -> float:
    """The share of the heat on the objects, in units of their share of the area."""
    return float((heat * covered).sum() / heat.sum() / covered.mean())


def moving(folder: Path, name: str, number: int, *, model: FewShotModel) -> Moving:
    """Clip `number` of an action, as the model reads it from `folder`."""
    nuisance = draw_nuisance(np.random.default_rng([7, zlib.crc32(name.encode()), number]))
    apart = np.abs(_painted(name, nuisance, 255.0) - _painted(name, nuisance, 0.0)).max(axis=-1)
    mask = np.repeat(255 * (apart > 127)[..., None].astype(np.uint8), 3, axis=-1)
    clip = _written(render(name, nuisance), folder / f"{name}_{number}")
    covered = _seen(model, _written(mask, folder / f"{name}_{number}_covered"))
    return Moving(clip, _seen(model, clip), covered[..., 0].numpy() / 255)


def _heat(recognizer: Recognizer, clip: Moving) -> Heat:
    """The heat of the predicted class's logit."""
    model = recognizer.model
    with torch.no_grad():
        label = int(recognizer.logits(model.encode_video(clip.pixels)[None]).argmax())
    return heat_map(
        model, clip.pixels, lambda features: recognizer.logits(features[None]), label=label
    )


def _wrong(heat: Sequence[Heat], *, queries: int) -> Iterator[list[Heat]]:
    yield [each[:, ::-1, ::-1] for each in heat]
    yield [np.roll(each, len(each) // 2, axis=0) for each in heat]
    yield [*heat[queries:], *heat[:queries]]


def _painted(name: str, nuisance: Nuisance, value: float) -> NDArray[np.float64]:
    objects = tuple(each._replace(colours=np.full((2, 3), value)) for each in nuisance.objects)
    return render(name, nuisance._replace(noise=0.0, objects=objects)).astype(float)


def _written(frames: NDArray[np.uint8], folder: Path) -> Path:
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number:04d}.png")
    return folder


def _seen(model: FewShotModel, folder: Path) -> Tensor:
    return read_pixels(folder, frames=model.config.frames, size=model.image_size)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.heat", description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=Path("data/model"))
    model = load_model(parser.parse_args(arguments).model)
    with tempfile.TemporaryDirectory() as folder:
        own, wrong = measure(model, Path(folder))
    print(f"heat on the moving objects, times their area: {np.median(own):.2f}, {len(own)} clips")
    for name, shares in wrong.items():
        print(f"  {name}: {np.median(shares):.2f}")
    return 0


if __name__ == "__main__":
    command.run(main)
