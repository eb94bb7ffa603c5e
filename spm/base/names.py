"""Names as people see them, whatever their form in Unicode.

A Mac may write é as e and an accent of its own (decomposed), a keyboard writes one letter
(composed). Class names and the names of clips are composed here; paths stay as they are on disk.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path


def composed(name: str) -> str:
    """`name` in composed Unicode (NFC): two names that look the same are the same."""
    return unicodedata.normalize("NFC", name)


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Groups of different names that are one when composed."""
    groups: dict[str, set[str]] = defaultdict(set)
    for name in names:
        groups[composed(name)].add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def as_on_disk(path: Path) -> Path:
    """`path`, or what is there under a name that differs from it in Unicode's form alone."""
    if os.path.lexists(path) or path == path.parent:
        return path
    folder = as_on_disk(path.parent)
    if not os.path.isdir(folder) or not os.access(folder, os.R_OK):
        return folder / path.name
    same = [name for name in sorted(os.listdir(folder)) if composed(name) == composed(path.name)]
    return folder / (same[0] if same else path.name)
