"""Whether all packets that a file lists are there, and whether any has visibly lost a part."""

from pathlib import Path
from typing import Any

from spm.base.errors import DataError
from spm.video import nal_units
from spm.video.riff import num_empty_chunks

TOLERANCE = 2
"""Frames that may be missing at the end of a complete file."""


def check_complete(found: int, *, container: Any, stream: Any, is_live: bool) -> None:
    """Raises DataError if the container's index lists more frames than the `found` ones.

    Empty chunks of an avi and empty samples of an mp4 show nothing new; they do not count as
    frames.
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
    """Frames that the avi's header declares, without empty chunks."""
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
    """Whether the index lists all declared frames once the edit list is ignored."""
    import av

    options = {"ignore_editlist": "1"}
    with av.open(container.name, options=options, metadata_errors="replace") as uncut:
        num_entries: int = len(uncut.streams[stream.index].index_entries)
    return num_entries == int(stream.frames)


def check_undamaged(packets: list[Any], *, codec: Any) -> None:
    """Raises DataError for packets that are incomplete, or that no encoder can have written."""
    if any(packet.is_corrupt for packet in packets):
        raise DataError("damaged: a packet of the video stream is incomplete")
    size = nal_units.length_size(codec)
    if not size:
        return
    for number, packet in enumerate(packets):
        if not nal_units.are_whole(bytes(packet), length_size=size):
            raise DataError(f"damaged: packet {number} of {len(packets)} has lost a part")
