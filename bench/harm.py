"""Kinds of damage to files, as by an interrupted download, a disk, a cable or an editor.

Each function takes a file's bytes and a random generator, and returns damaged bytes.
"""

from collections.abc import Callable

import numpy as np

Harm = Callable[[bytes, np.random.Generator], bytes]
_TABLES = 0.05
"""Share of the file at each end that holds the container's tables."""
_HOLE, _NOISE, _PIECE = 512, 64, 2000
"""Sizes in bytes."""


def cut_off(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(1, len(data))]


def flip_in_tables(data: bytes, rng: np.random.Generator) -> bytes:
    """Flips 1 to 63 bits (small numbers are more frequent) in the file's first and last part."""
    edge = max(1, int(len(data) * _TABLES))
    return _flipped(data, rng.integers(-edge, edge, _few(rng)), rng)


def flip_in_pictures(data: bytes, rng: np.random.Generator) -> bytes:
    """Flips 1 to 63 bits between the file's first and last part."""
    edge = int(len(data) * _TABLES)
    return _flipped(data, rng.integers(edge, len(data) - edge, _few(rng)), rng)


def make_hole(data: bytes, rng: np.random.Generator) -> bytes:
    """Overwrites a block with zeros, as an interrupted download leaves it."""
    at = rng.integers(0, max(1, len(data) - _HOLE))
    return _unlike(data, data[:at] + bytes(len(data[at : at + _HOLE])) + data[at + _HOLE :], rng)


def add_noise(data: bytes, rng: np.random.Generator) -> bytes:
    at = rng.integers(0, max(1, len(data) - _NOISE))
    noise = rng.bytes(len(data[at : at + _NOISE]))
    return _unlike(data, data[:at] + noise + data[at + _NOISE :], rng)


def lose_piece(data: bytes, rng: np.random.Generator) -> bytes:
    """Removes a piece; the rest of the file moves forward."""
    at, size = rng.integers(0, len(data) - 1), rng.integers(1, _PIECE)
    return data[:at] + data[at + size :]


def repeat_piece(data: bytes, rng: np.random.Generator) -> bytes:
    """Repeats a piece; the rest of the file moves back."""
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
    """`changed`; if it equals `data` (a hole on zeros), `data` with a bit flipped."""
    return changed if changed != data else _flipped(data, rng.integers(0, len(data), 1), rng)
