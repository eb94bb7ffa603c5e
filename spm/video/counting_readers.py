"""Optional readers: decord and torchcodec, libraries that find frame k themselves.

They are right on what most data sets hold, but silently return other frames for the files that
`limit` describes; such files are refused. Neither notices damage that its decoder conceals.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from spm.base.arrays import Frames
from spm.base.errors import ConfigError, DataError
from spm.video.packets import Video
from spm.video.shown import Turn

Library = Literal["decord", "torchcodec"]
LIBRARIES = {"decord": "decord", "torchcodec": "torchcodec.decoders"}
"""Reader -> the module that it needs. The package has the reader's name."""
_WHERE = re.compile(r"^\[[\d:]+\] \S+:\d+: ")
"""The beginning of decord's errors: the time of day, and a line of its source."""
_CONTAINERS = ("mov", "matroska", "avi", "flv")


def check_installed(reader: str) -> None:
    """Raises ConfigError where `reader` is a library that cannot be imported here."""
    if reader not in LIBRARIES:
        return
    try:
        import_module(LIBRARIES[reader])
    except (ImportError, OSError, RuntimeError) as error:  # torchcodec without an FFmpeg
        raise ConfigError(
            f"frames.reader = {reader!r} cannot be imported ({str(error).strip().splitlines()[0]})."
            f" Install it (torchcodec needs FFmpeg's shared libraries as well), or use "
            f"frames.reader: auto"
        ) from error


def limit(video: Video, *, turn: Turn, library: Library) -> str:
    """Why `library` would return other frames than asked for; "" if it would not."""
    if video.trap:
        return video.trap
    if not video.container.startswith(_CONTAINERS):
        return f"seeking is inexact in {video.container}"
    if video.container == "avi" and video.codec.has_b_frames:
        return "an avi stores no presentation times, and this one has B-frames"
    if len(video.shown) < len(video.packets) and (library == "decord" or "vp" in video.codec.name):
        return "some of its frames are hidden"
    if any(video.crop):
        return "its container crops the picture"
    if turn.mirrors:
        return "it is to be mirrored"
    if library == "decord" and video.is_live:
        return "a live recording, which says nothing of its length"
    if library == "decord" and video.has_open_gops:
        return "frames before a keyframe are stored after it (open GOP)"
    return ""


def read_with_decord(path: Path, *, indices: npt.NDArray[np.int64], expected: int) -> Frames:
    """Frames [n, H, W, 3] in the video's size. `expected`: number of frames that the video has."""
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        video = decord.VideoReader(str(path.absolute()), num_threads=1)
        _check_count(len(video), expected=expected, library="decord")
        batch: Frames = video.get_batch(indices).asnumpy()
    except (decord.DECORDError, RuntimeError, ValueError) as error:
        raise DataError(f"decord: {_WHERE.sub('', str(error).splitlines()[0])}") from error
    return batch


def read_with_torchcodec(path: Path, *, indices: npt.NDArray[np.int64], expected: int) -> Frames:
    """Frames [n, H, W, 3] in the video's size. `expected`: number of frames that the video has."""
    from torchcodec.decoders import VideoDecoder

    try:
        video = VideoDecoder(
            str(path.absolute()), dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact"
        )
        _check_count(len(video), expected=expected, library="torchcodec")
        batch: Frames = video.get_frames_at(indices=indices.tolist()).data.numpy()
    except (RuntimeError, ValueError, IndexError) as error:
        raise DataError(f"torchcodec: {str(error).splitlines()[0]}") from error
    return batch


def _check_count(counted: int, *, expected: int, library: Library) -> None:
    if counted != expected:
        raise DataError(
            f"{library} counts {counted} frames, the file has {expected}; set frames.reader: auto"
        )
