"""Measures costs that grow with the data set, against targets: python -m bench.growth

Simulates a million clips in a thousand classes and a folder of 80,000 small files, prints their
costs, and exits with 1 if a target is missed. Takes some minutes and 1 GB of temporary files.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench import simulated
from bench.idle_repro import ROOT, idle_repro
from bench.loading import episode_ms, sampler
from pipeline.decoding.frames_folder import integrity
from pipeline.decoding.frames_index import build_index
from pipeline.decoding.shard_plan import plan_shards
from spm.base import command
from spm.base.yaml_file import read_yaml
from spm.config.base import validate
from spm.config.dataset import DatasetConfig
from spm.config.frames import FramesConfig
from spm.dataset import manifest
from spm.frames.clip_index import INDEX

_DRAWN = {"seed": 0, "train": 6, "val": 2, "test": 2}


class Figure(NamedTuple):
    what: str
    value: float
    unit: str
    target: float | None = None
    """The upper limit of the value; None: no limit."""

    @property
    def missed(self) -> bool:
        return self.target is not None and self.value >= self.target

    def __str__(self) -> str:
        judged = "" if self.target is None else f"  below {self.target:g}: {not self.missed}"
        return f"{self.what:<58}{self.value:10.3g} {self.unit:<3}{judged}"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        figures = []
        for figure in measure(Path(folder), num_clips=1_000_000, num_files=80_000):
            figures.append(figure)
            print(figure, flush=True)
    return int(any(figure.missed for figure in figures))


def measure(folder: Path, *, num_clips: int, num_files: int) -> Iterator[Figure]:
    yield from loading(folder, num_clips=num_clips)
    yield from between(folder, num_clips=num_clips)
    seconds = idle_repro(folder, num_files=num_files)
    yield Figure(f"dvc repro, nothing to do, {num_files:,} files", seconds.wall, "s", 10)
    yield Figure("  of that CPU time", seconds.cpu, "s")


def loading(folder: Path, *, num_clips: int) -> Iterator[Figure]:
    """The costs of loading the store, which every training and evaluation has."""
    num_classes = max(10, num_clips // 1000)
    simulated.write_index(folder / INDEX, num_clips=num_clips, num_classes=num_classes)
    command = [sys.executable, "-m", "bench.loading", str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    yield Figure(f"load the index of {num_clips:,} clips", found["load_seconds"], "s", 2)
    yield Figure("  of that CPU time", found["load_cpu_seconds"], "s")
    yield Figure("  peak memory of the process", found["peak_mb"], "MB", 1000)
    yield Figure("  draw an episode of 50 clips", found["episode_ms"], "ms", 1)
    yield Figure("  the same of 1,000 clips", episode_ms(sampler(even_classes(1000))), "ms", 1)


def between(folder: Path, *, num_clips: int) -> Iterator[Figure]:
    """CPU time of the stages `inventory` to `frames` besides scanning and decoding."""
    table = simulated.manifest(num_clips=num_clips, num_classes=max(10, num_clips // 1000))
    params = read_yaml(ROOT / "params.yaml")
    dataset = validate(DatasetConfig, params["dataset"] | {"split": _DRAWN}, name="dataset")
    files = simulated.inventory_of(table)
    _, seconds = _cpu(lambda: manifest.build(files, dataset=dataset, split=None))
    yield Figure(f"the manifest of {num_clips:,} files, CPU time", seconds, "s")
    frames = validate(FramesConfig, params["frames"] | {"num_shards": 512}, name="frames")
    shards, seconds = _cpu(lambda: plan_shards(table, frames=frames))
    yield Figure("  the plan of their shards", seconds, "s")
    for shard in shards:
        simulated.write_tiny_shard(folder / shard.name, [clip["id"] for clip in shard.clips])
    index, seconds = _cpu(lambda: build_index(table, shards=shards, store=folder, frames=frames))
    yield Figure("  the index of their shards", seconds, "s")
    yield Figure("  the integrity report", _cpu(lambda: integrity(index))[1], "s")


def even_classes(num_clips: int) -> dict[str, np.ndarray]:
    """Ten classes -> clip numbers, as FrameStore.classes gives them."""
    parts = np.array_split(np.arange(num_clips), 10)
    return {f"class_{number}": part for number, part in enumerate(parts)}


def _cpu(call: Callable[[], Any]) -> tuple[Any, float]:
    started = time.process_time()
    return call(), time.process_time() - started


if __name__ == "__main__":
    command.run(main)
