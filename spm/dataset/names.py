"""Names as people see them, whatever their form in Unicode.

A Mac may store é as two characters, e and an accent (decomposed); a keyboard types one character
(composed). Class names and clip names are composed here; paths stay as they are on disk
(spm.base.on_disk).
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable


def composed(name: str) -> str:
    """`name` in composed Unicode (NFC): two names that look the same are the same."""
    return unicodedata.normalize("NFC", name)


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Groups of different names that are equal once composed."""
    groups: dict[str, set[str]] = defaultdict(set)
    for name in names:
        groups[composed(name)].add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]
