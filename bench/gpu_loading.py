"""Rows of bench.gpu on reading: training that reads from a store, against pixels in memory.

5-way 5-shot, 4 queries a class: 45 clips × 8 frames of 256 × 340 pixels, cropped to 224.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.episodes import training_episodes
from bench.gpu_case import STEP, Case, Sizes, training_seconds
from bench.gpu_training import towers
from bench.models import build
from spm.episodes.device import place
from spm.episodes.training_data import TrainingEpisodes, load_episodes
from spm.frames.shards import Storage


@dataclass(frozen=True)
class Reading:
    """A training with episodes of a store."""

    case: Case
    storage: Storage

    @property
    def about(self) -> dict[str, Any]:
        """The first columns of the row."""
        return {"backbone": self.case.name, "shot": self.case.shot, "storage": self.storage}


def readings(*, toy: bool) -> Iterator[Reading]:
    """The tower that waits for episodes most: RN50, the faster one."""
    name, backbone = next(iter(towers(toy=toy).items()))
    storages: tuple[Storage, ...] = ("raw",) if toy else ("jpeg", "raw")
    for storage in storages:
        yield Reading(Case(name, backbone, shot=1 if toy else 5), storage)


def run(reading: Reading, device: torch.device, sizes: Sizes) -> dict[str, Any]:
    """Episodes/s of the loader processes alone, of training from memory, and of both together."""
    case, steps = reading.case, sizes.loaded_steps
    model = place(build(case.backbone, precision="bfloat16"), device)
    in_memory = training_seconds(model, case, steps=steps)
    with tempfile.TemporaryDirectory() as folder:
        episodes = training_episodes(
            Path(folder), shot=case.shot, storage=reading.storage, crop=model.image_size
        )
        alone = _loader_seconds(episodes, sizes)
        fed = training_seconds(model, case, steps=steps, episodes=episodes, loaders=sizes.loaders)
    return {
        "loaders": sizes.loaders,
        "read episodes/s": 1 / alone,
        "training episodes/s, from memory": 1 / in_memory,
        "training episodes/s, from the store": 1 / fed,
        "waits for reading, %": 100 * max(0.0, 1 - in_memory / fed),
    }


def line(row: dict[str, Any]) -> str:
    return (
        f"{row['read episodes/s']:7.1f} episodes/s read by {row['loaders']}  "
        f"{row['training episodes/s, from memory']:6.2f} trained from memory  "
        f"{row['training episodes/s, from the store']:6.2f} from the store  "
        f"{row['waits for reading, %']:4.1f} % waiting"
    )


def _loader_seconds(episodes: TrainingEpisodes, sizes: Sizes) -> float:
    """Seconds between two episodes that nothing is done with, after those read ahead."""
    ahead = 3 * sizes.loaders
    count = ahead + STEP * sizes.loaded_steps
    reader = load_episodes(episodes, range(count), workers=sizes.loaders)
    for _ in range(ahead):
        next(reader)
    started = time.perf_counter()
    for _ in reader:
        pass
    return (time.perf_counter() - started) / (count - ahead)
