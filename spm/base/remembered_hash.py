"""SHA-256 of files that are too large to be read at every run: weights.

A file is read whole, once. Its hash is remembered with what changes when a file is rewritten or
replaced: size, time of the last change, inode. So a run that changes nothing reads nothing.
"""

import json
import time
from pathlib import Path
from typing import Any

from spm.base.atomic import atomic_path
from spm.base.hashing import file_hash
from spm.dataset.inventory_walk import Stamp

_SETTLED_SECONDS = 2
"""A file as young as that can change again without another time: its hash is not remembered."""


def remembered_hash(path: Path, *, memory: Path) -> str:
    """Of the file's whole content, as `file_hash`; `memory` is a file in the state folder."""
    name, stamp = str(path.absolute()), _stamp(path)
    known = _read(memory)
    entry = known.get(name, {})
    if entry.get("stamp") == [*stamp]:
        return str(entry["sha256"])
    started, found = time.time(), file_hash(path)
    if _stamp(path) == stamp and stamp.modified / 1e9 < started - _SETTLED_SECONDS:
        _write(_read(memory) | {name: {"stamp": stamp, "sha256": found}}, memory)
    return found


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return Stamp(size=found.st_size, modified=found.st_mtime_ns, inode=found.st_ino)


def _read(memory: Path) -> dict[str, Any]:
    """Nothing where there is none, or where it is damaged: files are read again."""
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(known: dict[str, Any], memory: Path) -> None:
    """Files that are gone are forgotten."""
    kept = {name: entry for name, entry in known.items() if Path(name).is_file()}
    with atomic_path(memory) as temporary:
        temporary.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
