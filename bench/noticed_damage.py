"""Counts how often each reader notices damage in a video, and what it returns otherwise.

Good clips of several codecs are damaged within their pictures: one bit, eight bits, a hole of 512
zero bytes (as an interrupted download leaves), or 64 bytes of noise.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.bare_readers import Read
from bench.moving import Moving
from bench.reader_speed import middles
from bench.right_frames import isolated, readers

CLIPS = [
    Moving("gop12.mp4", (160, 120), 60, 12),
    Moving("gop250.mp4", (160, 120), 60, 250),
    Moving("gop50.mkv", (160, 120), 60, 50),
    Moving("hevc.mp4", (160, 120), 60, 50, "libx265"),
    Moving("mpeg4.avi", (160, 120), 60, 50, "mpeg4"),
    Moving("vp9.webm", (160, 120), 60, 128, "libvpx-vp9"),
]
NOTICED, SAME, OTHER, LOST = "noticed", "same pixels", "other pixels", "frames lost"
OUTCOMES = (NOTICED, SAME, OTHER, LOST, "hangs", "crashes")
_HOLE, _NOISE = 512, 64
_PICK = partial(middles, num_segments=8)


def damage_table(folder: Path, *, variants: int = 100) -> list[dict[str, Any]]:
    """A row for each reader: {"reader", outcome: number of variants}."""
    paths = [clip.write(folder) for clip in CLIPS]
    damaged = list(_damaged(paths, variants=variants))
    rows = []
    for name, read in _unlimited(readers()).items():
        counts = Counter(isolated(partial(_outcome, read, good, bad)) for good, bad in damaged)
        rows.append({"reader": name} | {outcome: counts[outcome] for outcome in OUTCOMES})
    return rows


def _unlimited(found: dict[str, Read]) -> dict[str, Read]:
    """The readers without `decord` and `torchcodec`, which refuse some of the good clips."""
    return {name: read for name, read in found.items() if name not in ("`decord`", "`torchcodec`")}


def _damaged(paths: list[Path], *, variants: int) -> Iterator[tuple[Path, Path]]:
    """Yields (good file, damaged copy), cycling through clips and kinds of damage."""
    for number in range(variants):
        good = paths[number % len(paths)]
        harm = HARMS[number // len(paths) % len(HARMS)]
        data = bytearray(good.read_bytes())
        rng = np.random.default_rng(number)
        start = int(rng.uniform(0.1, 0.9) * len(data))  # behind the headers, before the index
        harm(data, min(start, int(0.9 * len(data)) - _HOLE), rng)
        bad = good.with_stem(f"{good.stem}-{number}")
        bad.write_bytes(data)
        yield good, bad


def _flip(data: bytearray, start: int, rng: np.random.Generator, *, num_bits: int) -> None:
    for place in start + rng.integers(0, 1000 if num_bits > 1 else 1, num_bits):
        data[min(place, len(data) - 1)] ^= 1 << rng.integers(8)


def _zero(data: bytearray, start: int, rng: np.random.Generator) -> None:
    data[start : start + _HOLE] = bytes(_HOLE)


def _noise(data: bytearray, start: int, rng: np.random.Generator) -> None:
    data[start : start + _NOISE] = rng.bytes(_NOISE)


Harm = Callable[[bytearray, int, np.random.Generator], None]
HARMS: tuple[Harm, ...] = (partial(_flip, num_bits=1), partial(_flip, num_bits=8), _zero, _noise)


def _outcome(read: Read, good: Path, bad: Path) -> str:
    num_frames, frames = read(good, _PICK)
    try:
        num_read, damaged = read(bad, _PICK)
    except Exception:  # our readers raise DataError, each library its own errors
        return NOTICED
    if num_read != num_frames or len(frames) != len(damaged):
        return LOST
    equal = (np.array_equal(one, other) for one, other in zip(frames, damaged, strict=True))
    return SAME if all(equal) else OTHER
