"""Kinds of damage that files come to: what a download, a disk, a cable or an editor does to them.

Each takes a file's bytes and a generator of random numbers, and returns other bytes.
"""

from collections.abc import Callable

import numpy as np

Harm = Callable[[bytes, np.random.Generator], bytes]
_TABLES = 0.05
"""Share of a file at either end, where containers keep their tables."""
_HOLE, _NOISE, _PIECE = 512, 64, 2000
"""Bytes."""


def cut_off(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(1, len(data))]


def flip_in_tables(data: bytes, rng: np.random.Generator) -> bytes:
    """1 to 63 bits, few more often than many, in the first and the last part of the file."""
    edge = max(1, int(len(data) * _TABLES))
    return _flipped(data, rng.integers(-edge, edge, _few(rng)), rng)


def flip_in_pictures(data: bytes, rng: np.random.Generator) -> bytes:
    """As many between these."""
    edge = int(len(data) * _TABLES)
    return _flipped(data, rng.integers(edge, len(data) - edge, _few(rng)), rng)


def make_hole(data: bytes, rng: np.random.Generator) -> bytes:
    """A block of zeros, as a download that was interrupted leaves it."""
    at = rng.integers(0, max(1, len(data) - _HOLE))
    return _unlike(data, data[:at] + bytes(len(data[at : at + _HOLE])) + data[at + _HOLE :], rng)


def add_noise(data: bytes, rng: np.random.Generator) -> bytes:
    at = rng.integers(0, max(1, len(data) - _NOISE))
    noise = rng.bytes(len(data[at : at + _NOISE]))
    return _unlike(data, data[:at] + noise + data[at + _NOISE :], rng)


def lose_piece(data: bytes, rng: np.random.Generator) -> bytes:
    """What follows moves up."""
    at, size = rng.integers(0, len(data) - 1), rng.integers(1, _PIECE)
    return data[:at] + data[at + size :]


def repeat_piece(data: bytes, rng: np.random.Generator) -> bytes:
    """What follows moves down."""
    at, size = rng.integers(0, len(data) - 1), rng.integers(1, _PIECE)
    return data[: at + size] + data[at:]


HARMS: dict[str, Harm] = {
    "cut off": cut_off,
    "bits of the tables": flip_in_tables,
    "bits of the pictures": flip_in_pictures,
    "512 zeros": make_hole,
    "64 bytes of noise": add_noise,
    "a piece lost": lose_piece,
    "a piece twice": repeat_piece,
}


def _few(rng: np.random.Generator) -> int:
    return int(2 ** rng.uniform(0, 6))


def _flipped(data: bytes, places: np.ndarray, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for place in np.unique(places % len(data)):
        changed[place] ^= 1 << rng.integers(8)
    return bytes(changed)


def _unlike(data: bytes, changed: bytes, rng: np.random.Generator) -> bytes:
    """`changed`, or a bit flipped where the hole lies on zeros."""
    return changed if changed != data else _flipped(data, rng.integers(0, len(data), 1), rng)
