"""Measures the costs of storing frames raw and as JPEG.

python -m bench.storage [FOLDER] [--kind frame_folders] [--short-side 256]

Reads the clips of FOLDER (default: the built-in clips) as the stage `frames` does, writes them
raw and as JPEG, and prints for both: bytes a clip, PSNR (over a clip's pixels, mean over clips),
and the CPU time to read and crop a training episode of 45 clips from a file in memory.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spm.base import command
from spm.base.arrays import Frames
from spm.base.yaml_file import read_yaml
from spm.config.base import validate
from spm.config.frames import FramesConfig
from spm.dataset.inventory_walk import walk
from spm.episodes.transforms import random_crop
from spm.frames.shard_writer import write_shard
from spm.frames.shards import Shard, Storage
from spm.video.clip import Clip
from spm.video.clip_files import is_clip
from spm.video.reading import read_clip

PARAMS = Path(__file__).parent.parent / "params.yaml"
FORMATS: list[tuple[Storage, int]] = [("raw", 0), ("jpeg", 95), ("jpeg", 90), ("jpeg", 85)]

_EPISODE_CLIPS = 45
_MOST_CLIPS = 100
_ROUNDS = 5


class Cost(NamedTuple):
    storage: Storage
    quality: int
    bytes_per_clip: float
    psnr: float
    """dB; infinite for raw."""
    episode_ms: float


def main() -> None:
    options = _options()
    values = read_yaml(PARAMS)["frames"]
    if options.short_side:
        values["short_side"] = options.short_side
    frames = validate(FramesConfig, values, name="frames")
    clips = list(_read(options.folder, kind=options.kind, frames=frames))
    count, height, width = clips[0].frames.shape[:3]
    print(f"{len(clips)} clips of {count} frames; the first has {width}×{height} pixels")
    print("            bytes a clip   of raw   PSNR, dB   ms an episode")
    found = list(costs(clips))
    for cost in found:
        name = f"JPEG {cost.quality}" if cost.storage == "jpeg" else "raw"
        share = cost.bytes_per_clip / found[0].bytes_per_clip
        size, loss = f"{cost.bytes_per_clip:14,.0f} {share:8.1%}", f"{cost.psnr:10.1f}"
        print(f"{name:<9} {size} {loss} {cost.episode_ms:15.1f}")


def costs(clips: list[Clip]) -> Iterator[Cost]:
    """The cost of each of FORMATS."""
    with tempfile.TemporaryDirectory() as folder:
        for storage, quality in FORMATS:
            path = Path(folder) / f"{storage}{quality}.h5"
            write_shard(
                path,
                ((str(number), clip) for number, clip in enumerate(clips)),
                frames_per_clip=len(clips[0].frames),
                storage=storage,
                jpeg_quality=quality or 95,
            )
            shard = Shard(path)
            stored = [shard.read(row) for row in range(len(clips))]
            losses = [psnr(clip.frames, kept) for clip, kept in zip(clips, stored, strict=True)]
            size = path.stat().st_size / len(clips)
            yield Cost(storage, quality, size, statistics.mean(losses), _episode_ms(shard))


def psnr(original: Frames, stored: Frames) -> float:
    """Peak signal-to-noise ratio in dB."""
    error = np.square(original.astype(np.float64) - stored).mean()
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def _episode_ms(shard: Shard) -> float:
    """CPU milliseconds to read an episode, the median of some rounds, without checksums."""
    rng = np.random.default_rng(0)
    size = min(int(shard.clips["height"].min()), int(shard.clips["width"].min())) * 7 // 8
    out = np.empty((shard.frames_per_clip, size, size, 3), np.uint8)
    times = []
    for _ in range(_ROUNDS):
        rows = rng.integers(len(shard.clips), size=_EPISODE_CLIPS)
        started = time.process_time()
        for row in rows.tolist():
            np.copyto(out, random_crop(shard.read(row), size, rng=rng))
        times.append(time.process_time() - started)
    return statistics.median(times) * 1000


def _read(folder: Path, *, kind: str, frames: FramesConfig) -> Iterator[Clip]:
    """Reads some of the folder's clips, evenly spaced."""
    found = [each for each in sorted(walk(folder, kind=kind)) if is_clip(each._asdict())]
    step = -(-len(found) // _MOST_CLIPS)
    for each in found[::step]:
        yield read_clip(folder / each.path, frames=frames)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.storage")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("data/built_in"))
    parser.add_argument("--kind", choices=["videos", "frame_folders"], default="videos")
    parser.add_argument("--short-side", type=int, help="pixels (default: params.yaml's)")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
