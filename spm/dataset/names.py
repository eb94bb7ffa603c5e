"""Names as people see them, whatever their form in Unicode.

A Mac may write é as e and an accent of its own (decomposed), a keyboard writes one letter
(composed). Class names and the names of clips are composed here; paths stay as they are on disk
(spm.base.on_disk).
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable


def composed(name: str) -> str:
    """`name` in composed Unicode (NFC): two names that look the same are the same."""
    return unicodedata.normalize("NFC", name)


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Groups of different names that are one when composed."""
    groups: dict[str, set[str]] = defaultdict(set)
    for name in names:
        groups[composed(name)].add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]
