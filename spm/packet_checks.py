"""Whether all packets are there that a file lists, and whether any has visibly lost a part."""

from typing import Any

from spm import nal_units
from spm.errors import DataError

TOLERANCE = 2
"""Frames that may be missing at the end of a file that is whole."""


def check_complete(packets: list[Any], *, container: Any, stream: Any) -> None:
    """Raises DataError where the container has an index of all frames, and lists more."""
    listed = 0
    if container.format.name == "avi":
        listed = max(stream.frames - TOLERANCE, len(stream.index_entries))
    elif container.format.name.startswith("mov"):
        listed = len(stream.index_entries)
        if listed < stream.frames and not _are_left_out_by_an_edit_list(container, stream=stream):
            listed = stream.frames
    if len(packets) < listed:
        raise DataError(f"damaged: declares {stream.frames} frames, {len(packets)} could be found")


def _are_left_out_by_an_edit_list(container: Any, *, stream: Any) -> bool:
    """Whether the index has all frames that the file declares, if nothing is cut out of it."""
    import av

    with av.open(container.name, options={"ignore_editlist": "1"}) as uncut:
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
