"""Whether a video file is complete, by the sizes that its container declares.

PyAV reads a file that lost its end, or a webm with a hole, as a shorter video and raises nothing,
so the declared sizes are compared with the file first. Nothing is decoded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from spm.base.errors import DataError
from spm.video import mp4_boxes
from spm.video.ebml import check_matroska, is_endless, pixel_crops
from spm.video.riff import has_no_size
from spm.video.shown import UNCROPPED, Crop

_OPENS_OTHERS = frozenset(
    (
        *("concat", "concatf", "hls", "applehttp", "dash", "sdp", "rtsp", "rtp", "sap", "imf"),
        *("webm_dash_manifest", "lavfi", "avisynth", "vapoursynth", "bluray", "dvdvideo"),
        *("x11grab", "fbdev", "kmsgrab", "v4l2", "video4linux2", "alsa", "oss", "pulse", "jack"),
    )
)
"""Playlists, scripts and devices. A clip that is one would show another file's pictures."""
_LARGEST = 2 << 30  # bytes: the packets of a clip are held in memory
_RIFF_SLACK = 16  # bytes: some writers count their own header, or leave out a padding byte
_EBML = bytes.fromhex("1a45dfa3")
_MP4 = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


@contextmanager
def open_video(path: Path) -> Iterator[tuple[Any, Any]]:
    """PyAV's container and its video stream. An FFmpeg error in the block becomes a DataError."""
    import av

    name = str(path.absolute())  # FFmpeg would take 00: of 00:12.mp4 for a protocol
    try:
        with av.open(  # titles may have any encoding
            name, metadata_errors="replace", options={"format_whitelist": _formats()}
        ) as container:
            yield container, _video_stream(container)
    except av.error.ArgumentError as error:
        raise DataError(
            "unreadable: a playlist or a script that names other files, or no video: give a video"
        ) from error
    except av.error.FFmpegError as error:
        raise DataError(f"unreadable: {error.strerror}") from error


@cache
def _formats() -> str:
    """FFmpeg's formats but those that open other files, or devices, than the one they are given."""
    import av

    return ",".join(sorted({*av.formats_available} - _OPENS_OTHERS))


def _video_stream(container: Any) -> Any:
    if container.format.name.endswith("_pipe") or container.format.name == "image2":
        raise DataError("an image, not a video")
    from av.stream import Disposition

    stream = container.streams.best("video")
    if stream is None or stream.disposition & Disposition.attached_pic:  # a song's cover
        raise DataError("no video stream")
    if stream.codec_context is None:
        raise DataError("unreadable: no decoder for its kind of video")
    stream.thread_count = 1  # clips are decoded side by side, one thread each
    return stream


def check_whole(path: Path) -> None:
    """Raises DataError for a file that is empty, too large or lacks what its container declares."""
    size = path.stat().st_size
    if size == 0:
        raise DataError("the file is empty")
    if size > _LARGEST:
        raise DataError(f"too long for a clip: {size >> 20} MiB, at most {_LARGEST >> 20}; cut it")
    with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        if data[:4] == _EBML:
            check_matroska(data)
        declared = _declared_size(data)
    if declared > size:
        raise DataError(f"truncated: the container declares {declared} bytes, the file has {size}")


def is_live(path: Path) -> bool:
    """Whether an avi or Matroska file has no size: a recording that was piped, or was killed.

    The recorder writes the size last. The length in such a file's header is not valid either.
    """
    with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return has_no_size(data) if data[:4] == b"RIFF" else data[:4] == _EBML and is_endless(data)


def crop_of(path: Path, *, track: int) -> Crop:
    """The crop that the container declares for video track number `track`; FFmpeg does not apply
    it."""
    with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        crops: list[Crop] = []
        if data[:4] == _EBML:
            crops = pixel_crops(data)
        elif data[4:8] in _MP4:
            crops = mp4_boxes.clean_apertures(data)
    return crops[track] if track < len(crops) else UNCROPPED


def _declared_size(data: mmap) -> int:
    """Bytes that the file should have at least; 0 if the container does not say."""
    if data[:4] == b"RIFF":
        return 0 if has_no_size(data) else 8 + int.from_bytes(data[4:8], "little") - _RIFF_SLACK
    return mp4_boxes.declared_size(data) if data[4:8] in _MP4 else 0
