"""Where a path is on disk, whose name may have another form in Unicode there.

A Mac may write é as e and an accent of its own, a keyboard writes one letter.
"""

import os
import unicodedata
from pathlib import Path


def as_on_disk(path: Path) -> Path:
    """`path`, or what is there under a name that differs from it in Unicode's form alone."""
    if os.path.lexists(path) or path == path.parent:
        return path
    folder = as_on_disk(path.parent)
    if not os.path.isdir(folder) or not os.access(folder, os.R_OK):
        return folder / path.name
    same = [name for name in sorted(os.listdir(folder)) if _looks_like(name, path.name)]
    return folder / (same[0] if same else path.name)


def _looks_like(name: str, other: str) -> bool:
    return unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other)
