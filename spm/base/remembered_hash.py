"""SHA-256 of files that are too large to be read in every run, such as weights.

A file is read once. Its hash is noted with its stamp, so a later run reads only files that changed.
"""

import time
from pathlib import Path

from spm.base.file_notes import FileNotes, stamp_of
from spm.base.hashing import file_hash

_SETTLED_SECONDS = 2
"""A file younger than this can change again and keep its time: its hash is not noted."""


def remembered_hash(path: Path, *, memory: Path) -> str:
    """`file_hash` of `path`, noted in `memory`, a file in the state folder."""
    notes, name, stamp = FileNotes(memory), str(path.absolute()), stamp_of(path)
    known = notes.found(name, stamp=stamp)
    if known is not None:
        return str(known)
    started, found = time.time(), file_hash(path)
    if stamp_of(path) == stamp and stamp.modified / 1e9 < started - _SETTLED_SECONDS:
        notes.note(name, stamp=stamp, found=found)
        notes.save()
    return found
