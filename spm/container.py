"""What a video file says about itself before anything is decoded: is it whole, and can decord be
trusted with it?

decord finds a frame by seeking to the keyframe before it and counting from there. Where frames
cannot be counted from a keyframe it returns others, silently (up to 34 frames off, measured on avi
with B-frames), so the packets are looked at first. That reads the file once and decodes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from spm.errors import DataError

TOLERANCE = 2
"""Frames that may be missing at the end of a file that is whole: DivX's packed B-frames and
placeholders for dropped frames are packets without a picture."""

_RIFF_SLACK = 16  # bytes: some writers count their own header, or leave out a padding byte
_EBML_HEADER, _EBML_SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")


@dataclass(frozen=True)
class Index:
    """The packets of a file's video stream."""

    num_frames: int
    """Frames to expect: packets that are shown."""
    trap: str
    """Why decord would return wrong frames; empty where it returns the right ones."""


def examine(path: Path) -> Index:
    """Index of the video in `path`.

    Raises DataError with the reason for a file that is empty, truncated or no video.
    """
    _check_size(path)
    with open_video(path) as (container, stream):
        packets = [packet for packet in container.demux(stream) if not _is_flush(packet)]
        is_avi, declared = container.format.name == "avi", stream.frames
    if is_avi and len(packets) < declared - TOLERANCE:
        raise DataError(f"damaged: declares {declared} frames, {len(packets)} could be found")
    if not packets:
        raise DataError("no frames: the video stream is empty")
    if any(packet.is_corrupt for packet in packets):
        raise DataError("damaged: a packet of the video stream is incomplete")
    shown = sum(packet.size > 0 and not packet.is_discard for packet in packets)
    return Index(num_frames=shown, trap="it is an avi" if is_avi else _trap(packets))


@contextmanager
def open_video(path: Path) -> Iterator[tuple[Any, Any]]:
    """PyAV's container and its video stream; what goes wrong inside is raised as DataError."""
    import av

    try:
        with av.open(str(path)) as container:
            yield container, _video_stream(container)
    except av.error.FFmpegError as error:
        raise DataError(f"unreadable: {error.strerror}") from error


def _video_stream(container: Any) -> Any:
    if container.format.name.endswith("_pipe") or container.format.name == "image2":
        raise DataError("an image, not a video")
    from av.stream import Disposition

    stream = container.streams.best("video")
    if stream is None or stream.disposition & Disposition.attached_pic:  # the cover of a song
        raise DataError("no video stream")
    stream.thread_count = 1  # clips are decoded side by side, one thread each
    return stream


def _is_flush(packet: Any) -> bool:
    """PyAV's mark at the end of the stream. An avi's placeholders are empty too, but have times."""
    return packet.size == 0 and packet.dts is None


def _trap(packets: list[Any]) -> str:
    if any(packet.pts is None for packet in packets):
        return "its packets have no presentation times"
    if any(packet.is_discard for packet in packets):
        return "an edit list hides some of its frames"
    if not packets[0].is_keyframe:
        return "it does not begin with a keyframe"
    keyframe_pts = packets[0].pts
    for packet in packets:
        if packet.is_keyframe:
            keyframe_pts = packet.pts
        elif packet.pts < keyframe_pts:
            return "frames before a keyframe are stored after it (open GOP)"
    return ""


def _check_size(path: Path) -> None:
    """Compares the size of the file with what its container declares."""
    size = path.stat().st_size
    if size == 0:
        raise DataError("the file is empty")
    with open(path, "rb") as file:
        declared = _declared_size(file, size=size)
    if declared > size:
        raise DataError(f"truncated: the container declares {declared} bytes, the file has {size}")


def _declared_size(file: BinaryIO, *, size: int) -> int:
    """Bytes that the file should have at least; 0 where the container does not say."""
    head = file.read(12)
    if head[:4] == b"RIFF":
        return 8 + int.from_bytes(head[4:8], "little") - _RIFF_SLACK
    if head[:4] == _EBML_HEADER:
        return _matroska_size(file)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _mp4_size(file, size=size)
    return 0


def _matroska_size(file: BinaryIO) -> int:
    """End of the segment. Live recordings do not know it."""
    file.seek(4)
    header_size = _variable_int(file)
    file.seek(header_size or 0, 1)
    if file.read(4) != _EBML_SEGMENT:
        return 0
    segment_size = _variable_int(file)
    return 0 if segment_size is None else file.tell() + segment_size


def _variable_int(file: BinaryIO) -> int | None:
    """EBML's size: leading zero bits give its length, all value bits set means unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1), "big") - (1 << (7 * length))
    return None if value == (1 << (7 * length)) - 1 else value


def _mp4_size(file: BinaryIO, *, size: int) -> int:
    """End of the last box that holds the index or the frames."""
    start = end = 0
    while start + 8 <= size:
        file.seek(start)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: up to the end of the file
            break
        start += length
        end = start if kind in (b"moov", b"moof", b"mdat") else end
    return end
