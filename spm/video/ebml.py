"""Matroska and webm: whether the elements of a file follow one another up to the file's end.

A file is an EBML header and a segment; the segment is elements of {id, size, content}. At a damaged
size or id, FFmpeg skips to the next element that it knows, or stops, without an error.
"""

from collections.abc import Iterator
from mmap import mmap

from spm.base.errors import DataError
from spm.video.shown import Crop

_SEGMENT, _CLUSTER, _BLOCK = 0x18538067, 0x1F43B675, 0xA3
_TRACKS, _TRACK, _VIDEO = 0x1654AE6B, 0xAE, 0xE0
_TRACK_NUMBER, _TRACK_TYPE = 0xD7, 0x83
_CROPS = (0x54CC, 0x54BB, 0x54DD, 0x54AA)  # left, top, right, bottom
_IN_SEGMENT = {
    *(0x114D9B74, 0x1549A966, _TRACKS, _CLUSTER),  # SeekHead, Info, Tracks, Cluster
    *(0x1C53BB6B, 0x1043A770, 0x1941A469, 0x1254C367),  # Cues, Chapters, Attachments, Tags
}
_IN_CLUSTER = {0xE7, 0x5854, 0xA7, 0xAB, _BLOCK, 0xA0, 0xAF}  # times, blocks and groups of blocks
_ANYWHERE = {0xEC, 0xBF}  # Void, CRC-32
_LACING = 0x06
_KNOWN = _IN_SEGMENT | _IN_CLUSTER | _ANYWHERE


def check_matroska(data: mmap | bytes) -> None:
    """Raises DataError if an element of the segment is unknown or reaches beyond the segment's end.

    Clusters are entered, so that their size may be unknown, as in a live recording. If the
    segment's size was never written, the last element may be unfinished: the recording ended there.
    """
    kind, size, at = _segment(data)
    if kind != _SEGMENT:
        raise DataError(f"damaged: no segment at byte {at}")
    if size is None:
        _check_live(data, at)
        return
    end = at + size
    if end > len(data):
        raise DataError(f"truncated: the container declares {end} bytes, the file has {len(data)}")
    *places, at = _places(data, at, end=end)
    _check_blocks(data, places)
    if at > end:
        raise DataError(f"truncated: its last element ends at byte {at}, the segment at {end}")


def is_endless(data: mmap | bytes) -> bool:
    """Whether the segment's size was never written."""
    return _segment(data)[1] is None


def pixel_crops(data: mmap | bytes) -> list[Crop]:
    """The crop of each video track, in a file that `check_matroska` has let pass."""
    _, size, at = _segment(data)
    return [
        _crop(data, *video)
        for tracks in _inside(data, at, len(data) if size is None else at + size, kind=_TRACKS)
        for track in _inside(data, *tracks, kind=_TRACK)
        for video in _inside(data, *track, kind=_VIDEO)
    ]


def _crop(data: mmap | bytes, at: int, end: int) -> Crop:
    return Crop(*(_value(data, at, end, kind=kind) for kind in _CROPS))


def _inside(data: mmap | bytes, at: int, end: int, *, kind: int) -> Iterator[tuple[int, int]]:
    """Start and end of the content of each element of `kind`, up to an element of unknown size."""
    while at < min(end, len(data)):
        found, size, at = _element(data, at)
        if size is None:
            return
        if found == kind:
            yield at, at + size
        at += size


def _segment(data: mmap | bytes) -> tuple[int, int | None, int]:
    """Id, size and content's start of the element after the header, which should be the segment."""
    _, size, at = _element(data, 0)
    return _element(data, at + (size or 0))


def _check_live(data: mmap | bytes, at: int) -> None:
    *places, end = _places(data, at, end=len(data))
    last = places[-1] if places else at
    _check_blocks(data, places[:-1])
    if end > len(data) and _go_on(data, last + 1):
        raise DataError(f"damaged: an element of Matroska at byte {last} hides those behind it")


def _places(data: mmap | bytes, at: int, *, end: int) -> Iterator[int]:
    """The start of each element from `at` on, then the start of an element that would follow `end`.

    Raises DataError for bytes that are not an element; the beginning of an element that the end of
    the file cuts off is allowed.
    """
    while at < end:
        yield at
        kind, size, content = _element(data, at)
        if content > len(data) and _is_begun(data[at:]):
            at = content
            continue
        if kind not in _KNOWN or (size is None and kind != _CLUSTER):
            raise DataError(f"damaged: not an element of Matroska at byte {at}")
        at = content + (0 if kind == _CLUSTER else size or 0)
    yield at


def _check_blocks(data: mmap | bytes, places: list[int]) -> None:
    """Raises DataError for a block of an unknown track, and for a video's block of several frames.

    No video has blocks of several frames. FFmpeg skips such blocks and the rest of their cluster.
    """
    tracks = _tracks(data)
    for place in places if tracks else ():
        kind, _, at = _element(data, place)
        if kind != _BLOCK:
            continue
        track, at = _number(data, at)
        if track not in tracks or at + 2 >= len(data) or (tracks[track] and data[at + 2] & _LACING):
            raise DataError(f"damaged: no block of a track at byte {place}")


def _tracks(data: mmap | bytes) -> dict[int, bool]:
    """Track number -> whether the track is a video."""
    _, size, at = _segment(data)
    found = {}
    for tracks in _inside(data, at, len(data) if size is None else at + size, kind=_TRACKS):
        for track in _inside(data, *tracks, kind=_TRACK):
            number, kind = (
                _value(data, *track, kind=each) for each in (_TRACK_NUMBER, _TRACK_TYPE)
            )
            found[number] = kind == 1
    return found


def _value(data: mmap | bytes, at: int, end: int, *, kind: int) -> int:
    """The number in the first element of `kind`; 0 without such an element."""
    start, stop = next(_inside(data, at, end, kind=kind), (0, 0))
    return int.from_bytes(data[start:stop], "big")


def _is_begun(rest: bytes) -> bool:
    """Whether `rest` is the beginning of an element's id and size."""
    ids = (kind.to_bytes((kind.bit_length() + 7) // 8, "big") for kind in _KNOWN)
    return any(rest[: len(each)] == each[: len(rest)] for each in ids)


def _go_on(data: mmap | bytes, at: int) -> bool:
    """Whether blocks follow one another after byte `at`: then no recording ended there."""
    while (at := data.find(b"\xa3", at)) >= 0:
        if _are_blocks(data, at):
            return True
        at += 1
    return False


def _are_blocks(data: mmap | bytes, at: int) -> bool:
    """Whether three blocks of the first tracks follow one another from byte `at` on."""
    for _ in range(3):
        kind, size, at = _element(data, at)
        if kind != _BLOCK or not size or at + size > len(data) or not 0x81 <= data[at] <= 0x8F:
            return False
        at += size
    return True


def _element(data: mmap | bytes, at: int) -> tuple[int, int | None, int]:
    """Id, size (None: unknown) and start of the content of the element at byte `at`.

    Id and size are numbers whose leading zero bits give their length; an id keeps its marker bit.
    """
    length = _length(data, at)
    kind = int.from_bytes(data[at : at + length], "big")
    size, at = _number(data, at + length)
    return kind, size, at


def _number(data: mmap | bytes, at: int) -> tuple[int | None, int]:
    """The number at byte `at` (None if all its bits are set), and the byte after it."""
    length = _length(data, at)
    largest = (1 << (7 * length)) - 1
    number = int.from_bytes(data[at : at + length], "big") & largest
    return None if number == largest else number, at + length


def _length(data: mmap | bytes, at: int) -> int:
    """The length of the number at byte `at`, 1 to 8 bytes; 8 for a zero byte or the file's end."""
    first = data[at : at + 1]
    return 9 - first[0].bit_length() if first and first[0] else 8
