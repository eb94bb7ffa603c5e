"""Which shards of a store are sound: each is read whole once, and again when it has changed.

`checked.json` in the store remembers the size, time and inode of the shards that were read and
found sound. Damage that leaves all three as they were, as a failing disk does, is not noticed here:
every frame has a checksum, which training and evaluation compare when they read it
(spm.frames.shards). Without the file, all shards are read again.
"""

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from spm.base.atomic import atomic_path
from spm.base.errors import DataError
from spm.frames.shards import Shard

CHECKED = "checked.json"
_SAVE_SECONDS = 10
"""So that a check of a large store that is killed goes on where it was."""

Stamp = list[int]
"""Size in bytes, time of the last change in nanoseconds, inode."""


def sound_shards(names: Iterable[str], *, store: Path) -> set[str]:
    """Those of `names` that the store has, final and undamaged. Says which ones are damaged."""
    known, sound, saved = _load(store), set(), time.monotonic()
    for name in names:
        stamp = _stamp(store / name)
        if stamp is None or (stamp != known.get(name) and not _is_sound(store / name)):
            continue
        sound.add(name)
        known[name] = stamp
        if time.monotonic() - saved > _SAVE_SECONDS:
            _save(known, store=store)
            saved = time.monotonic()
    _save(known, store=store)
    return sound


def _is_sound(path: Path) -> bool:
    """Reads the shard whole, with checksums."""
    try:
        shard = Shard(path)
        shard.check()
    except DataError:
        print(f"warning: {path} is damaged: decoding its clips again", file=sys.stderr)
        path.chmod(0o644)  # DVC's cache may share the file, and checks only what is writable
        return False
    return shard.is_final


def _stamp(path: Path) -> Stamp | None:
    """None where there is no such file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _load(store: Path) -> dict[str, Stamp]:
    """Nothing where nothing is remembered, or it cannot be understood."""
    try:
        known = json.loads((store / CHECKED).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _save(known: dict[str, Stamp], *, store: Path) -> None:
    """Beside what another project that shares the store has saved; what is gone is forgotten."""
    before = _load(store)
    after = {name: stamp for name, stamp in (before | known).items() if (store / name).exists()}
    if after != before:
        with atomic_path(store / CHECKED) as temporary:
            temporary.write_text(json.dumps(after, sort_keys=True) + "\n", encoding="utf-8")
