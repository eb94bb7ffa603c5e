"""Whether all packets are there that a file lists, and whether any has visibly lost a part."""

from pathlib import Path
from typing import Any

from spm.base.errors import DataError
from spm.video import nal_units
from spm.video.riff import num_empty_chunks

TOLERANCE = 2
"""Frames that may be missing at the end of a file that is whole."""


def check_complete(found: int, *, container: Any, stream: Any, is_live: bool) -> None:
    """Raises DataError where the container has an index of all frames, and lists more than `found`.

    Chunks of an avi and samples of an mp4 may be empty: nothing new is shown. They are no frames.
    """
    listed = 0
    if container.format.name == "avi":
        listed = _num_indexed(stream)
        if not is_live:
            listed = max(listed, _num_declared_by_avi(container, stream=stream) - TOLERANCE)
    elif container.format.name.startswith("mov"):
        listed = _num_listed_in_mp4(container, stream=stream)
    if found < listed:
        raise DataError(f"damaged: declares {stream.frames} frames, {found} could be found")


def _num_indexed(stream: Any) -> int:
    return sum(entry.size > 0 for entry in stream.index_entries)


def _num_declared_by_avi(container: Any, *, stream: Any) -> int:
    """By its header, less those that are empty."""
    declared = int(stream.frames)
    if declared == _num_indexed(stream):
        return declared
    return declared - num_empty_chunks(Path(container.name), stream=stream.index)


def _num_listed_in_mp4(container: Any, *, stream: Any) -> int:
    if len(stream.index_entries) < stream.frames and not _are_left_out_by_an_edit_list(
        container, stream=stream
    ):
        return int(stream.frames)
    return _num_indexed(stream)


def _are_left_out_by_an_edit_list(container: Any, *, stream: Any) -> bool:
    """Whether the index has all frames that the file declares, if nothing is cut out of it."""
    import av

    options = {"ignore_editlist": "1"}
    with av.open(container.name, options=options, metadata_errors="replace") as uncut:
        num_entries: int = len(uncut.streams[stream.index].index_entries)
    return num_entries == int(stream.frames)


def check_undamaged(packets: list[Any], *, codec: Any) -> None:
    """Raises DataError for packets that are incomplete, or that cannot be what an encoder wrote."""
    if any(packet.is_corrupt for packet in packets):
        raise DataError("damaged: a packet of the video stream is incomplete")
    size = nal_units.length_size(codec)
    if not size:
        return
    for number, packet in enumerate(packets):
        if not nal_units.are_whole(bytes(packet), length_size=size):
            raise DataError(f"damaged: packet {number} of {len(packets)} has lost a part")
