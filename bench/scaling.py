"""Measures how costs scale with sizes: `python -m bench.scaling` prints docs/scaling.md's tables.

Grows one size at a time of the model of params.yaml, in two steps. Measures CPU seconds on this
machine, one thread, interleaved; counts operations and stored activations (bench.counted). For the
paper's backbones it only counts.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch

from bench.counted import Cost, cost, kept_with_checkpointing
from bench.episode import Episode, head_steps
from bench.gpu_case import evaluation_seconds
from bench.models import BACKBONES, FRAMES, QUERY, WAY, build
from bench.timing import interleaved
from spm.base import command
from spm.model.model import FewShotModel

BASE = Episode(way=WAY, shot=1, query=QUERY, frames=FRAMES)
CHANNELS = 128
GROWN: dict[str, list[tuple[Episode, int]]] = {
    "way": [(replace(BASE, way=n), CHANNELS) for n in (10, 20)],
    "shot": [(replace(BASE, shot=k), CHANNELS) for k in (5, 10)],
    "query": [(replace(BASE, query=m), CHANNELS) for m in (8, 16)],
    "frames": [(replace(BASE, frames=t), CHANNELS) for t in (16, 32)],
    "channels": [(BASE, c) for c in (256, 512)],
}


def small() -> Iterator[str]:
    """Rows: a size, then seconds and operations of tower and head."""
    yield "| N | K | M | T | C | clips | tower s | head s | tower GFLOP | head GFLOP | kept MB |"
    yield "| ---: " * 11 + "|"
    points = [(BASE, CHANNELS), *(point for grown in GROWN.values() for point in grown)]
    seconds = interleaved(dict(_variants(points)), rounds=15, clock=time.process_time)
    for number, (episode, channels) in enumerate(points):
        counted = cost(partial(build, channels=channels), episode)
        sizes = (episode.way, episode.shot, episode.query, episode.frames, channels, episode.clips)
        measured = (f"{seconds[f'{part} {number}']:.3f}" for part in ("tower", "head"))
        yield "| " + " | ".join([*map(str, sizes), *measured, *_counted(counted, giga=1)]) + " |"


def _variants(points: list[tuple[Episode, int]]) -> Iterator[tuple[str, Callable[[], None]]]:
    """Functions to time, interleaved, so that a slow phase of the machine affects all equally."""
    for number, (episode, channels) in enumerate(points):
        model = build(channels=channels).train()
        yield f"tower {number}", _tower(model, episode)
        yield f"head {number}", head_steps(model, episode)["backward"]


def evaluation() -> Iterator[str]:
    """Rows: 500 episodes on a growing number of encoded clips, and the memory of the clips."""
    yield "| clips | 500 episodes, s | encoded and prepared, MB |"
    yield "| ---: | ---: | ---: |"
    model = build().eval()
    for clips in (100, 1_000, 10_000):
        seconds = evaluation_seconds(
            model, shot=1, episodes=500, batch=50, clips_per_class=clips // 10
        )
        megabytes = 3 * clips * FRAMES * model.channels * 4 / 1e6
        yield f"| {clips:,} | {seconds:.1f} | {megabytes:.1f} |"


def real() -> Iterator[str]:
    """Rows: counted costs of the paper's backbones, 5-way, T = 8."""
    yield (
        "| backbone | precision | K | tower TFLOP | head TFLOP | kept GB | … with "
        "activation_checkpointing |"
    )
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for name, backbone in BACKBONES.items():
        for precision in ("float32", "bfloat16"):
            for shot in (1, 5):
                made = partial(build, backbone, precision=precision)
                episode = replace(BASE, shot=shot)
                little = kept_with_checkpointing(made, episode) / 1e9
                figures = [*_counted(cost(made, episode), giga=1000), f"{little:.1f}"]
                yield "| " + " | ".join([name, precision, str(shot), *figures]) + " |"


def _counted(counted: Cost, *, giga: int) -> list[str]:
    """Cells: tower and head in units of `giga` GFLOP, kept bytes in units of `giga` MB."""
    flops = (counted.tower_flops, counted.head_flops)
    kept = f"{counted.kept_bytes / 1e6 / giga:.{1 if giga > 1 else 0}f}"
    return [*(f"{each / 1e9 / giga:.2f}" for each in flops), kept]


def _tower(model: FewShotModel, episode: Episode) -> Callable[[], None]:
    pixels = episode.pixels(model.image_size).clips
    return lambda: model.encode_video(pixels).sum().backward()


def main() -> None:
    torch.set_num_threads(1)
    for table in (small, evaluation, real):
        for line in table():
            print(line, flush=True)
        print()


if __name__ == "__main__":
    command.run(main)
