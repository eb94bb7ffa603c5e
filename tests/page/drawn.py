"""Clips for the page's tests: drawn, of classes that no built-in recognizer knows, and bad ones."""

from pathlib import Path

import numpy as np

from spm.motion.mp4 import write_mp4
from spm.motion.render import render_clip

PUTTING = "putting_something_onto_something"
AWAY = "moving_something_away_from_the_camera"
MEETING = "moving_something_and_something_closer_to_each_other"
CIRCLING = "moving_something_in_a_circle_clockwise"


def drawn(folder: Path, name: str, numbers: range) -> list[Path]:
    """Clips of the class."""
    return [_written(folder / f"{name}-{each}.mp4", name, each) for each in numbers]


def long(folder: Path, names: list[str], *, times: int) -> Path:
    """A video of a clip of each class, one after the other, again and again."""
    clips = [render_clip(name, seed=7, number=50 + each) for each, name in enumerate(names)]
    path = folder / "long.mp4"
    write_mp4(np.concatenate(clips * times), path, frames_per_second=12)
    return path


def broken(folder: Path, clip: Path) -> Path:
    """The first half of a clip's file."""
    path = folder / "broken.mp4"
    content = clip.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def _written(path: Path, name: str, number: int) -> Path:
    write_mp4(render_clip(name, seed=7, number=number), path, frames_per_second=12)
    return path
