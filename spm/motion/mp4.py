"""Writing frames to an H.264 mp4 file, with the same bytes each time."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from spm.base.atomic import atomic_path

_X264 = {"preset": "veryfast", "crf": "26", "g": "12", "threads": "1", "mbtree": "0"}
"""One thread: with more, x264 may divide its bits differently. No macroblock tree: on pictures this
small x264 reads uninitialised memory for it, and the bytes depend on what the process did before.
"""
_BIT_EXACT = {"fflags": "+bitexact"}
"""Leaves the muxer's version out of the file."""


def write_mp4(frames: NDArray[np.uint8], path: Path, *, frames_per_second: int) -> None:
    """Writes [F, H, W, 3] RGB frames with even sides as yuv420p. The file is complete or absent."""
    with (
        atomic_path(path) as temporary,
        av.open(str(temporary), "w", format="mp4", container_options=_BIT_EXACT) as container,
    ):
        stream = container.add_stream("libx264", rate=frames_per_second, options=_X264)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, frames_per_second)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
