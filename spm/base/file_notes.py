"""Facts about files, noted until the file changes, because reading a large file again takes long.

The notes are a JSON file beside the files that they describe, or in the state folder:

    {"a.h5": {"stamp": [28, 1764172800000000000, 9], "found": true}}

A file's name is absolute, or relative to the folder of the JSON file.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from spm.base.atomic import atomic_path


class Stamp(NamedTuple):
    """Size, time and inode: one of them changes when a file is rewritten or replaced.

    DVC and git look for changes in the same way.
    """

    size: int
    """Bytes."""
    modified: int
    """Time of the last change, in nanoseconds."""
    inode: int


def stamp_of(path: Path | os.DirEntry[str]) -> Stamp:
    """The stamp of a file. Raises OSError if the file is missing or cannot be examined."""
    found = path.stat()
    return Stamp(size=found.st_size, modified=found.st_mtime_ns, inode=found.st_ino)


class FileNotes:
    """The notes in the file `memory`; empty if the file is missing or is not valid JSON."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._notes = self._read()

    def found(self, name: str, *, stamp: Stamp) -> Any:
        """The fact that was noted for the file with this stamp; None if there is no such note."""
        note = self._notes.get(name)
        if not isinstance(note, dict) or note.get("stamp") != [*stamp]:
            return None
        return note.get("found")

    def note(self, name: str, *, stamp: Stamp, found: Any) -> None:
        self._notes[name] = {"stamp": [*stamp], "found": found}

    def save(self) -> None:
        """Adds the notes to those that other processes have saved, and drops those of deleted
        files."""
        before = self._read()
        folder, merged = self._memory.parent, before | self._notes
        after = {name: note for name, note in merged.items() if (folder / name).exists()}
        if after != before:
            with atomic_path(self._memory) as temporary:
                text = json.dumps(after, indent=1, sort_keys=True) + "\n"
                temporary.write_text(text, encoding="utf-8")

    def _read(self) -> dict[str, Any]:
        try:
            notes = json.loads(self._memory.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return notes if isinstance(notes, dict) else {}
