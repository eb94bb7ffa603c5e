"""Finding a path on disk when its name has another Unicode form there.

A Mac may store é as two characters, e and an accent; a keyboard types one character.
"""

import os
import unicodedata
from pathlib import Path


def as_on_disk(path: Path) -> Path:
    """`path`, or the existing path whose name differs from it in Unicode form only."""
    if os.path.lexists(path) or path == path.parent:
        return path
    folder = as_on_disk(path.parent)
    if not os.path.isdir(folder) or not os.access(folder, os.R_OK):
        return folder / path.name
    same = [name for name in sorted(os.listdir(folder)) if _looks_like(name, path.name)]
    return folder / (same[0] if same else path.name)


def _looks_like(name: str, other: str) -> bool:
    return unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other)
