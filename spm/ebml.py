"""Matroska and webm: whether the elements of a file follow one another up to its end.

A file is EBML header, segment, and in the segment elements of {id, size, content}. Where a size or
an id is damaged, FFmpeg looks for the next thing that it knows and skips what lies between, or ends
there, without an error.
"""

from mmap import mmap

from spm.errors import DataError

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_IN_SEGMENT = {
    *(0x114D9B74, 0x1549A966, 0x1654AE6B, _CLUSTER),  # SeekHead, Info, Tracks, Cluster
    *(0x1C53BB6B, 0x1043A770, 0x1941A469, 0x1254C367),  # Cues, Chapters, Attachments, Tags
}
_IN_CLUSTER = {0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF}  # times, blocks and groups of blocks
_ANYWHERE = {0xEC, 0xBF}  # Void, CRC-32
_KNOWN = _IN_SEGMENT | _IN_CLUSTER | _ANYWHERE


def check_matroska(data: mmap) -> None:
    """Raises DataError where an element of the segment is unknown or reaches beyond its end.

    Clusters are entered, so that it makes no difference whether a live recording knows their size.
    """
    _, size, at = _element(data, 0)
    at += size or 0
    kind, size, at = _element(data, at)
    if kind != _SEGMENT:
        raise DataError(f"damaged: no segment at byte {at}")
    end = len(data) if size is None else at + size
    if end > len(data):
        raise DataError(f"truncated: the container declares {end} bytes, the file has {len(data)}")
    while at < end:
        start = at
        kind, size, at = _element(data, at)
        if kind not in _KNOWN or (size is None and kind != _CLUSTER):
            raise DataError(f"damaged: not an element of Matroska at byte {start}")
        at += 0 if kind == _CLUSTER else size or 0
    if at > end:
        raise DataError(f"truncated: its last element ends at byte {at}, the segment at {end}")


def _element(data: mmap, at: int) -> tuple[int, int | None, int]:
    """Id, size (None: unknown) and start of the content of the element at byte `at`.

    Both are numbers whose leading zero bits give their length; an id keeps its marker.
    """
    length = _length(data, at)
    kind = int.from_bytes(data[at : at + length], "big")
    at += length
    length = _length(data, at)
    largest = (1 << (7 * length)) - 1
    size = int.from_bytes(data[at : at + length], "big") & largest
    return kind, None if size == largest else size, at + length


def _length(data: mmap, at: int) -> int:
    """1 to 8 bytes; of no byte, and of one that begins no number, 8."""
    first = data[at : at + 1]
    return 9 - first[0].bit_length() if first and first[0] else 8
