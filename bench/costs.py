"""Estimates the resources to reproduce the paper's number on each benchmark: python -m bench.costs

disk      clips × bytes a clip: raw computed, JPEG as a share of raw (bench.storage)
decoding  clips × CPU time of read_clip, measured here on synthetic files of the benchmark's codec,
          size and length
GPU       floating-point operations of the visual tower (counted by torch) × frames: × 3 in
          training, × 1 in validation and test; divided by the assumed rate of an A100. Computed,
          not measured, without the head and the text tower

Below it, the table of bench.frozen_costs: the same for a frozen tower.
"""

import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench import counted, frozen_costs
from bench.counted import Cost as EpisodeCost
from bench.episode import Episode
from bench.models import build
from pipeline.presets.benchmark_preset import BACKBONES, benchmark_preset
from spm.base import command
from spm.base.yaml_file import read_yaml
from spm.config.base import validate
from spm.config.frames import FramesConfig
from spm.dataset.benchmarks import load_benchmark
from spm.video.reading import read_clip

PARAMS = Path(__file__).parent.parent / "params.yaml"
JPEG_SHARE = 0.12
"""JPEG's share of the raw bytes at quality 95, between the shares of two real videos."""
SUSTAINED = {"float32": 14e12, "bfloat16": 80e12}
"""Assumed operations a second of an A100: 70 % of the peak (float32), 26 % (tensor cores)."""
CASES = [(backbone, shot) for backbone in BACKBONES for shot in (1, 5)]

_READS = 5


class Files(NamedTuple):
    """Typical properties of a benchmark's files."""

    codec: str
    extension: str
    width: int
    height: int
    num_frames: int


FILES = {
    "hmdb51": Files("mpeg4", "avi", 320, 240, 95),
    "ucf101": Files("mpeg4", "avi", 320, 240, 180),
    "kinetics100": Files("libx264", "mp4", 340, 256, 300),
    "ssv2_small": Files("libvpx-vp9", "webm", 426, 240, 46),
    "ssv2_full": Files("libvpx-vp9", "webm", 426, 240, 46),
}


class Cost(NamedTuple):
    clips: int
    raw_bytes: float
    decode_seconds: float
    """CPU seconds to decode all clips."""
    operations: dict[tuple[str, int], float]
    """(backbone, shot) -> floating-point operations of training, validation and test."""


def main() -> None:
    print("             clips   raw, GB  JPEG, GB  decoding, h  GPU hours, float32 | bfloat16")
    episodes = {case: episode_of(*case) for case in CASES}
    for name in FILES:
        cost = cost_of(name, episodes=episodes)
        raw, hours = cost.raw_bytes / 1e9, cost.decode_seconds / 3600
        print(
            f"{name:<11}{cost.clips:7,}{raw:10.1f}{raw * JPEG_SHARE:10.1f}{hours:13.2f}", end="  "
        )
        for (backbone, shot), operations in cost.operations.items():
            gpu = [f"{operations / rate / 3600:.1f}" for rate in SUSTAINED.values()]
            print(f"  {backbone} K={shot}: {' | '.join(gpu)}", end="")
        print(flush=True)
    print()
    frozen_costs.main()


def cost_of(name: str, *, episodes: Mapping[tuple[str, int], EpisodeCost]) -> Cost:
    """The cost of benchmark `name`. episodes: (backbone, shot) -> the cost of an episode."""
    benchmark, files = load_benchmark(name), FILES[name]
    counts = benchmark.counts(benchmark.variants[0])
    splits = {split: sum(classes.values()) for split, classes in counts.items()}
    clips, values = sum(splits.values()), benchmark_preset(name)
    side, num_frames = values["frames.short_side"], values["frames.num_segments"]
    pixels = side * round(side * files.width / files.height)
    operations = {
        (backbone, shot): operations_of(
            benchmark_preset(name, shot=shot, backbone=backbone), splits=splits, episode=episode
        )
        for (backbone, shot), episode in episodes.items()
    }
    raw = clips * num_frames * pixels * 3
    return Cost(clips, raw, clips * decode_seconds(files, values=values), operations)


def episode_of(backbone: str, shot: int) -> EpisodeCost:
    """The cost of a training episode, in the sizes of the benchmarks' presets."""
    values = benchmark_preset("hmdb51", shot=shot, backbone=backbone)
    way, query = values["episode.way"], values["episode.query"]
    episode = Episode(way, shot, query, values["frames.num_segments"])
    return counted.cost(lambda: build(values["backbone.name"]), episode)


def operations_of(values: dict[str, Any], *, splits: dict[str, int], episode: EpisodeCost) -> float:
    """Floating-point operations of a whole training, its validations and the test.

    Validation and test encode each clip of the split once. A forward pass takes a third of the
    tower's operations in an episode.
    """
    clips = values["episode.way"] * (values["episode.shot"] + values["episode.query"])
    validations = -(-values["train.episodes"] // values["train.validate_every"])
    encoded = validations * splits["val"] + splits["test"]
    forward = episode.tower_flops / 3 / clips
    return values["train.episodes"] * episode.flops + encoded * forward


def decode_seconds(files: Files, *, values: dict[str, Any]) -> float:
    """CPU seconds to read one clip as the stage `frames` does: the median of some reads."""
    section = read_yaml(PARAMS)["frames"]
    section |= {key.split(".")[1]: value for key, value in values.items() if "frames." in key}
    frames = validate(FramesConfig, section, name="frames")
    times = []
    with tempfile.TemporaryDirectory() as folder:
        path = _write_clip(Path(folder) / f"clip.{files.extension}", files)
        for _ in range(_READS + 1):
            started = time.process_time()
            read_clip(path, frames=frames)
            times.append(time.process_time() - started)
    return statistics.median(times[1:])


def _write_clip(path: Path, files: Files) -> Path:
    """Writes a clip of a camera that moves over a synthetic landscape, with a little noise."""
    import av

    rng = np.random.default_rng(0)
    landscape = _landscape(rng, height=files.height + 160, width=files.width + 160)
    with av.open(str(path), "w") as container:
        quick = {"deadline": "realtime", "cpu-used": "8"} if "vp9" in files.codec else {}
        stream = container.add_stream(files.codec, rate=25, options=quick)
        stream.width, stream.height, stream.pix_fmt = files.width, files.height, "yuv420p"
        stream.bit_rate = 800_000
        for number in range(files.num_frames):
            x, y = (round(80 + 79 * wave(number / 20)) for wave in (np.sin, np.cos))
            picture = landscape[y : y + files.height, x : x + files.width]
            noisy = picture + rng.normal(scale=2, size=picture.shape)
            image = noisy.clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def _landscape(rng: np.random.Generator, *, height: int, width: int) -> np.ndarray:
    """[height, width, 3]: noise at all scales, stronger at larger scales."""
    from PIL import Image

    total = np.zeros((height, width, 3))
    for cells in (4, 16, 64):
        coarse = rng.integers(0, 256, size=(cells, cells, 3), dtype=np.uint8)
        fine = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(fine) * 8 / cells
    return total * 255 / total.max()


if __name__ == "__main__":
    command.run(main)
