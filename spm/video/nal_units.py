"""H.264 and HEVC as mp4 and mkv store them: a packet is NAL units, each after its length.

    | length | unit | length | unit | ...

Decoders take zeros in a unit for a picture, and notice only some of the damage. Two properties of
every undamaged packet show at once whether a file has lost parts: the units fill the packet
exactly, and no unit contains three zero bytes in a row (the standards forbid it: encoders insert a
3).
"""

import re
from typing import Any

_KINDS = {"h264": rb"[\x25\x45\x65]", "hevc": rb"[\x20-\x2b]"}  # first byte of a unit to start from
_FIRST_BYTE = {codec: re.compile(kinds) for codec, kinds in _KINDS.items()}
_AFTER_START_CODE = {codec: re.compile(b"\0\0\\x01" + kinds) for codec, kinds in _KINDS.items()}
_CONFIG_AT = {"h264": 4, "hevc": 21}


def length_size(codec: Any) -> int:
    """Bytes of each length; 0 for another codec, and for units that have start codes instead."""
    config = codec.extradata or b""
    if config[:1] != b"\1":
        return 0
    at = _CONFIG_AT.get(codec.name, len(config))
    return (config[at] & 3) + 1 if at < len(config) else 0


def are_whole(packet: bytes, *, length_size: int) -> bool:
    """Whether the units fill `packet` exactly and none has lost bytes."""
    at = 0
    while at < len(packet):
        start = at + length_size
        at = start + int.from_bytes(packet[at:start], "big")
        if at == start or b"\0\0\0" in packet[start:at].rstrip(b"\0"):
            return False
    return at == len(packet)


def begins_anew(packet: bytes, *, codec: str, length_size: int) -> bool:
    """Whether decoding can start at a packet: it has an H.264 IDR or HEVC random access picture.

    `length_size` 0: units have start codes instead of lengths.
    """
    if not length_size:
        return _AFTER_START_CODE[codec].search(packet) is not None
    at = 0
    while at < len(packet):
        start = at + length_size
        if _FIRST_BYTE[codec].match(packet, start):
            return True
        at = start + int.from_bytes(packet[at:start], "big")
    return False
