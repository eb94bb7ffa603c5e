"""Which shards of a store are sound: each is read whole once, and again when it has changed.

`checked.json` in the store notes the stamps of the shards that were read and found sound. Damage
that leaves size, time and inode as they were, as a failing disk does, is not noticed here: every
frame has a checksum, which training and evaluation compare when they read it (spm.frames.shards).
Without the file, all shards are read again.
"""

import sys
import time
from collections.abc import Iterable
from pathlib import Path

from spm.base.errors import DataError
from spm.base.file_notes import FileNotes, stamp_of
from spm.frames.shards import Shard

CHECKED = "checked.json"
_SAVE_SECONDS = 10
"""So that a check of a large store that is killed goes on where it was."""


def sound_shards(names: Iterable[str], *, store: Path) -> set[str]:
    """Those of `names` that the store has, final and undamaged. Says which ones are damaged."""
    notes, sound, saved = FileNotes(store / CHECKED), set(), time.monotonic()
    for name in names:
        if not (store / name).exists():
            continue
        stamp = stamp_of(store / name)
        if not notes.found(name, stamp=stamp) and not _is_sound(store / name):
            continue
        sound.add(name)
        notes.note(name, stamp=stamp, found=True)
        if time.monotonic() - saved > _SAVE_SECONDS:
            notes.save()
            saved = time.monotonic()
    notes.save()
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
