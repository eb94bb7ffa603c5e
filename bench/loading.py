"""Measures loading the store before the first episode, in a process of its own for peak memory.

python -m bench.loading FOLDER    prints {"load_seconds", "load_cpu_seconds", …}
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spm.base import command
from spm.episodes.sampler import EpisodeSampler
from spm.frames.store import FrameStore

_EPISODES = 1000


def main() -> None:
    started, cpu_started = time.perf_counter(), time.process_time()
    drawing = sampler(FrameStore(Path(sys.argv[1])).classes("train"))
    found = {
        "load_seconds": time.perf_counter() - started,
        "load_cpu_seconds": time.process_time() - cpu_started,
        "peak_mb": _peak_mb(),
        "episode_ms": episode_ms(drawing),
    }
    print(json.dumps(found))


def sampler(classes: dict[str, np.ndarray]) -> EpisodeSampler:
    """A sampler of 5-way 5-shot episodes with 5 queries a class: 50 clips."""
    return EpisodeSampler(classes, way=5, shot=5, query=5, seed=0, split="train")


def episode_ms(drawing: EpisodeSampler) -> float:
    """Milliseconds to draw an episode: the fastest of five runs of 1,000 episodes."""

    def draw() -> None:
        for index in range(_EPISODES):
            drawing.episode(index)

    return min(_seconds(draw) for _ in range(5)) / _EPISODES * 1000


def _seconds(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _peak_mb() -> float:
    """The peak memory of this process (Linux). getrusage may return the parent process's peak."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    command.run(main)
