"""Names as people see them, whatever their form in Unicode.

A Mac may store é as two characters, e and an accent (decomposed); a keyboard types one character
(composed). Class names and clip names are composed here; paths stay as they are on disk
(spm.base.on_disk).
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from spm.base.errors import DataError


def composed(name: str) -> str:
    """`name` in composed Unicode (NFC): two names that look the same are the same."""
    return unicodedata.normalize("NFC", name)


def check_class_name(name: object) -> None:
    """Raises DataError unless `name` is text, not empty, that can be written as UTF-8."""
    if not isinstance(name, str):
        raise DataError(
            f"the class {name!r} is of the type {type(name).__name__}: give its name as text"
        )
    if not name.strip():
        raise DataError(f"the class {name!r} has an empty name: give it one")
    if not is_utf8(name):
        raise DataError(f"the class {name!r} has a name that is not UTF-8: rename it")


def is_utf8(text: str) -> bool:
    """Whether `text` can be written; a lone surrogate cannot."""
    return text == text.encode(errors="replace").decode()


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Groups of different names that are equal once composed."""
    groups: dict[str, set[str]] = defaultdict(set)
    for name in names:
        groups[composed(name)].add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]
