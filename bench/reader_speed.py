"""Benchmarks our reader against baseline readers, on the same files, with the same resizing."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.bare_readers import READERS
from bench.moving import Moving
from bench.timing import interleaved
from spm.base.arrays import Frames
from spm.video.clip import Pick
from spm.video.packets import open_packets
from spm.video.reading import read_frames, resize
from spm.video.sampling import segment_frames

SHORT_SIDE = 256
CLIPS = [
    Moving("h264-240p-gop12.mp4", (320, 240), 250, 12),
    Moving("h264-240p-gop250.mp4", (320, 240), 250, 250),
    Moving("h264-720p-gop12.mp4", (1280, 720), 120, 12),
    Moving("h264-720p-gop250.mp4", (1280, 720), 120, 250),
    Moving("h264-1080p-gop12.mp4", (1920, 1080), 80, 12),
    Moving("h264-1080p-gop250.mp4", (1920, 1080), 80, 250),
    Moving("mpeg4-240p.avi", (320, 240), 250, 250, "mpeg4"),
    Moving("vp9-240p.webm", (320, 240), 250, 128, "libvpx-vp9"),
]
SEGMENTS = (8, 32)


def speeds(folder: Path, *, rounds: int) -> Iterator[dict[str, Any]]:
    """A row for each clip and number of frames, with CPU seconds a clip.

    Columns: `auto`, and each library that returns the right frames, resizing included. `resize` and
    `open` (checking the file and listing its packets) are parts of `auto`.
    """
    for clip in CLIPS:
        path = clip.write(folder)
        more = 3 if clip.size[1] < 480 else 1  # fast reads are repeated more often
        for num_segments in SEGMENTS:
            pick = partial(middles, num_segments=num_segments)
            seconds = _seconds(path, pick=pick, rounds=more * rounds)
            yield {"file": clip.name, "frames": num_segments, **seconds}


def _seconds(path: Path, *, pick: Pick, rounds: int) -> dict[str, Any]:
    right = _decoded(path, pick=pick, reader="PyAV in sequence")
    variants: dict[str, Callable[[], Any]] = {
        "auto": lambda: read_frames(path, pick=pick, short_side=SHORT_SIDE),
        "resize": lambda: [_shrunk(frame) for frame in right],
        "open": lambda: _open(path),
    }
    bare = [name for name in READERS if _are_equal(_decoded(path, pick=pick, reader=name), right)]
    for name in bare:
        variants[name] = partial(_resized, path, pick=pick, reader=name)
    seconds = interleaved(variants, rounds=rounds, clock=time.process_time)
    fastest = min(bare, key=seconds.__getitem__)
    return seconds | {"fastest": fastest, "ratio": seconds[fastest] / seconds["auto"]}


def middles(num_frames: int, *, num_segments: int) -> np.ndarray:
    """The middle frame of each segment."""
    return segment_frames(num_frames, num_segments=num_segments, samples_per_segment=1)[:, 0]


def _decoded(path: Path, *, pick: Pick, reader: str) -> list[Frames]:
    return READERS[reader](path, pick)[1]


def _are_equal(frames: list[Frames], right: list[Frames]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(frames, right, strict=True))


def _resized(path: Path, *, pick: Pick, reader: str) -> Frames:
    return np.stack([_shrunk(frame) for frame in _decoded(path, pick=pick, reader=reader)])


def _shrunk(frame: Frames) -> Frames:
    return resize(frame, short_side=SHORT_SIDE, keep_aspect=True)


def _open(path: Path) -> str:
    with open_packets(path) as video:
        return video.trap
