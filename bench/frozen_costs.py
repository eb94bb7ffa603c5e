"""Estimates what training on a frozen ViT-B/16 takes: python -m bench.frozen_costs

disk      clips × T × C × 4 bytes for each view that the stage `features` stores (float32 vectors)
encoding  clips × seconds to encode a clip, for one view of all clips
head      training episodes × seconds of forward and backward pass of CLIP-SPM's head on random
          features, in the sizes of the benchmark's preset, 5-way, 1-shot

Seconds are CPU seconds of one thread, of the fastest of some runs, with random weights. The GPU
columns are computed, not measured: operations counted by torch, divided by the assumed rate of an
NVIDIA T4. The last line is the built-in data set, with the model of params.yaml.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from bench import counted
from bench.episode import Episode, head_loss
from bench.models import BACKBONES, build, pixels
from bench.timing import least_cpu_seconds
from pipeline.presets.load_preset import load_preset
from spm.base import command
from spm.base.yaml_file import read_yaml
from spm.config.dataset import BENCHMARKS
from spm.dataset.benchmarks import load_benchmark
from spm.model.model import FewShotModel

T4 = 4e12
"""Assumed operations a second in float32: 50 % of the peak, 8.1e12."""
EPISODE = Episode(way=5, shot=1, query=4, frames=8)

_PARAMS = Path(__file__).parent.parent / "params.yaml"
_MOTION = {"train": 720, "val": 144, "test": 288}


class Work(NamedTuple):
    """What is done for each clip, and for each training episode."""

    clip_bytes: int
    """Of one view."""
    clip_seconds: float
    clip_operations: float
    episode_seconds: float
    """Of the head, forward and backward; as the operations."""
    episode_operations: float


class Cost(NamedTuple):
    """What one view of all clips takes, and the head's training."""

    clips: int
    views: int
    """Views that are stored with `features.views` of params.yaml."""
    view_bytes: int
    encoding_seconds: float
    encoding_operations: float
    head_seconds: float
    head_operations: float


def main() -> None:
    torch.set_num_threads(1)
    print("frozen ViT-B/16        CPU, one core: hours       T4, computed: hours")
    print("             clips    views  MB a view  encoding    head  encoding    head")
    for name, cost in benchmark_costs():
        hours = [cost.encoding_seconds, cost.head_seconds]
        hours += [cost.encoding_operations / T4, cost.head_operations / T4]
        shown = "".join(f"{seconds / 3600:10.3g}" for seconds in hours)
        row = f"{name:<11}{cost.clips:7,}{cost.views:9,}{cost.view_bytes / 1e6:11.1f}{shown}"
        print(row, flush=True)
    cost = motion_cost()
    print(
        f"motion     {cost.clips:7,}{cost.views:9,}{cost.view_bytes / 1e6:11.1f}  "
        f"CPU seconds: encoding {cost.encoding_seconds:.2g} a view, head {cost.head_seconds:.2g}"
    )


def benchmark_costs() -> Iterator[tuple[str, Cost]]:
    """The name of each benchmark and its cost with ViT-B/16."""
    backbone = BACKBONES["ViT-B/16"]
    clip_seconds = encoding_seconds(build(backbone), clips=1)
    for name in BENCHMARKS:
        benchmark = load_benchmark(name)
        counts = benchmark.counts(benchmark.variants[0])
        splits = {split: sum(classes.values()) for split, classes in counts.items()}
        preset = load_preset(name, method="clip_spm", dataset=name)
        model = {key[6:]: value for key, value in preset.items() if key.startswith("model.")}
        work = work_of(backbone, model, clip_seconds=clip_seconds)
        yield name, cost_of(work, splits=splits, episodes=preset["train.episodes"])


def motion_cost() -> Cost:
    """The cost of the built-in data set with builtin-clip."""
    work = work_of(None, {}, clip_seconds=encoding_seconds(build(), clips=16))
    return cost_of(work, splits=_MOTION, episodes=_params("train", "episodes"))


def cost_of(work: Work, *, splits: dict[str, int], episodes: int) -> Cost:
    """splits: the clips of each split. episodes: of the training."""
    clips = sum(splits.values())
    return Cost(
        clips,
        clips + _params("features", "views") * splits["train"],
        clips * work.clip_bytes,
        clips * work.clip_seconds,
        clips * work.clip_operations,
        episodes * work.episode_seconds,
        episodes * work.episode_operations,
    )


def work_of(backbone: str | None, values: dict[str, Any], *, clip_seconds: float) -> Work:
    """The work with a tower and with these values of `model`, the others as in params.yaml."""
    cost = counted.cost(lambda: build(backbone, **values), EPISODE)
    built = build(backbone, **values)
    return Work(
        EPISODE.frames * built.channels * 4,
        clip_seconds,
        cost.tower_flops / 3 / EPISODE.clips,  # a forward pass is a third of the episode's
        head_seconds(built),
        cost.head_flops,
    )


def encoding_seconds(model: FewShotModel, *, clips: int) -> float:
    """CPU seconds to encode a clip, `clips` at once."""
    drawn = pixels(clips, size=model.image_size)
    with torch.no_grad():
        return least_cpu_seconds(lambda: model.encode_video(drawn)) / clips


def head_seconds(model: FewShotModel) -> float:
    """CPU seconds of the losses of one episode and their backward pass, from features."""
    model.train()
    drawn = EPISODE.pixels(1)
    features = torch.randn(EPISODE.clips, EPISODE.frames, model.channels)
    text = torch.randn(EPISODE.way, model.channels)
    return least_cpu_seconds(lambda: head_loss(model, features, drawn, text).backward())


def _params(section: str, key: str) -> int:
    value: int = read_yaml(_PARAMS)[section][key]
    return value


if __name__ == "__main__":
    command.run(main)
