"""What was found out about files, kept until they change: reading a large one again takes long.

A JSON file beside what it tells of, or in the state folder:

    {"a.h5": {"stamp": [28, 1764172800000000000, 9], "found": true}}

A name is absolute, or relative to the folder of the JSON file.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from spm.base.atomic import atomic_path


class Stamp(NamedTuple):
    """What changes when a file is rewritten or replaced, as DVC and git look at it."""

    size: int
    """Bytes."""
    modified: int
    """Time of the last change, in nanoseconds."""
    inode: int


def stamp_of(path: Path | os.DirEntry[str]) -> Stamp:
    """Raises OSError for a file that is not there or cannot be asked."""
    found = path.stat()
    return Stamp(size=found.st_size, modified=found.st_mtime_ns, inode=found.st_ino)


class FileNotes:
    """The notes in `memory`: none where there is no such file, or it cannot be understood."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._notes = self._read()

    def found(self, name: str, *, stamp: Stamp) -> Any:
        """What was noted of the file while it had this stamp; None where nothing was."""
        note = self._notes.get(name)
        if not isinstance(note, dict) or note.get("stamp") != [*stamp]:
            return None
        return note.get("found")

    def note(self, name: str, *, stamp: Stamp, found: Any) -> None:
        self._notes[name] = {"stamp": [*stamp], "found": found}

    def save(self) -> None:
        """Beside what others have saved meanwhile; files that are gone are forgotten."""
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
