"""Small clips of a user's classes."""

from pathlib import Path

import numpy as np

from spm.motion.mp4 import write_mp4


def video(path: Path, *, seed: int, num_frames: int = 12) -> Path:
    """Noise, 40 by 40 pixels; another for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (num_frames, 40, 40, 3)
    frames = np.random.default_rng(seed).integers(0, 255, size=shape, dtype=np.uint8)
    write_mp4(frames, path, frames_per_second=6)
    return path


def videos(folder: Path, *names: str) -> None:
    """Videos of these names, without suffix, each another."""
    for seed, name in enumerate(names):
        video(folder / f"{name}.mp4", seed=seed)
