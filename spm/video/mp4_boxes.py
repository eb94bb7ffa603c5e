"""mp4 and mov: boxes of {size, name, content}, some with boxes in them.

ftyp | moov [ trak [ mdia [ hdlr, minf [ stbl [ stsd [ avc1 [ avcC, clap ] ] ] ] ] ] … ] | mdat
"""

import struct
from collections.abc import Iterator
from mmap import mmap

from spm.base.errors import DataError
from spm.video.shown import UNCROPPED, Crop

_HELD = (b"moov", b"moof", b"mdat")
_AMONG_FRAGMENTS = {
    *(*_HELD, b"styp", b"sidx", b"ssix", b"prft", b"emsg", b"mfra", b"meta", b"udta", b"uuid"),
    *(b"free", b"skip", b"wide"),
}
_DESCRIPTIONS, _ENTRY = 8, 78
"""Bytes of a stsd before its entries, and of a video entry before its boxes."""


def declared_size(data: mmap) -> int:
    """End of the last box that holds the index or frames.

    Raises DataError if anything but a box follows the first fragment: FFmpeg stops reading there.
    """
    end, has_fragments = 0, False
    for kind, content, box_end in _boxes(data, 0, len(data)):
        has_fragments |= kind == b"moof"
        if has_fragments and kind not in _AMONG_FRAGMENTS:
            raise DataError(f"damaged: not a box of an mp4 at byte {content - 8}")
        end = box_end if kind in _HELD else end
    return end


def clean_apertures(data: mmap) -> list[Crop]:
    """The crop of each video track."""
    return [
        _clean_aperture(data, media, end)
        for _, track, track_end in _find(data, 0, len(data), b"moov", b"trak")
        for _, media, end in _find(data, track, track_end, b"mdia")
        if any(data[at + 8 : at + 12] == b"vide" for _, at, _ in _find(data, media, end, b"hdlr"))
    ]


def _clean_aperture(data: mmap, media: int, end: int) -> Crop:
    for _, table, table_end in _find(data, media, end, b"minf", b"stbl", b"stsd"):
        for _, entry, entry_end in _boxes(data, table + _DESCRIPTIONS, table_end):
            for _, at, _ in _find(data, entry + _ENTRY, entry_end, b"clap"):
                size = (_number(data, entry + 24, 2), _number(data, entry + 26, 2))
                return _as_crop(
                    struct.unpack(">IIIIiIiI", data[at : at + 32].ljust(32, b"\0")), size=size
                )
    return UNCROPPED


def _as_crop(clap: tuple[int, ...], *, size: tuple[int, int]) -> Crop:
    """`clap`: width, height, and offset of the crop's centre from the picture's, as fractions."""
    if 0 in clap[1::2]:
        return UNCROPPED
    width, height, x, y = (a / b for a, b in zip(clap[::2], clap[1::2], strict=True))
    left, top = round((size[0] - width) / 2 + x), round((size[1] - height) / 2 + y)
    return Crop(left, top, size[0] - left - round(width), size[1] - top - round(height))


def _find(data: mmap, at: int, end: int, *kinds: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Boxes of the last of `kinds`, each inside a box of the kind before it."""
    for kind, content, box_end in _boxes(data, at, end):
        if kind == kinds[0] and kinds[1:]:
            yield from _find(data, content, box_end, *kinds[1:])
        elif kind == kinds[0]:
            yield kind, content, box_end


def _boxes(data: mmap, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start of the content and end of each box; the end may lie beyond the file's end."""
    while at + 8 <= min(end, len(data)):
        length, kind, content = _number(data, at), data[at + 4 : at + 8], at + 8
        if length == 1:
            length, content = _number(data, at + 8, 8), at + 16
        if length < 8:  # 0: up to the end of the file
            return
        yield kind, content, at + length
        at += length


def _number(data: mmap, at: int, num_bytes: int = 4) -> int:
    return int.from_bytes(data[at : at + num_bytes], "big")
