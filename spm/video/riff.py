"""An avi: whether its recording was finished, and how many of its chunks are empty.

    RIFF AVI  [ LIST hdrl […], LIST movi [ 00dc 01wb LIST rec  [ 00dc ] … ], idx1 ]  RIFF AVIX …

A chunk is {name, size, content}; 00dc is a frame of stream 0. If the picture does not change,
webcams and screen recorders store a chunk of no bytes, and the header counts it as a frame.
"""

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

_UNKNOWN = (0, 0xFFFFFFFF)
_ENTERED = {b"AVI ", b"AVIX", b"movi", b"rec "}


def has_no_size(data: mmap) -> bool:
    """Whether the size of a RIFF file was never written."""
    return int.from_bytes(data[4:8], "little") in _UNKNOWN


def num_empty_chunks(path: Path, *, stream: int) -> int:
    """Chunks of the video stream number `stream` that have no content."""
    with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        names = (b"%02ddc" % stream, b"%02ddb" % stream)
        return sum(name in names and size == 0 for name, size in _chunks(data))


def _chunks(data: mmap) -> Iterator[tuple[bytes, int]]:
    """Name and size of each chunk in the order of storage; lists of chunks are entered."""
    at = 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name in (b"RIFF", b"LIST") and data[at + 8 : at + 12] in _ENTERED:
            at += 12
        else:
            yield name, size
            at += 8 + size + size % 2
