"""Which shards of a store are sound. Each shard is read whole once, and again when it has changed.

`checked.json` in the store notes the stamps of the shards that were read and found sound. Damage
that leaves size, time and inode unchanged, as by a failing disk, is not noticed here: every frame
has a checksum, which training and evaluation compare when they read it (spm.frames.shards). Without
`checked.json`, all shards are read again.
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
"""The interval of saving the notes: a check that is killed goes on from there."""


def sound_shards(names: Iterable[str], *, store: Path) -> set[str]:
    """Those of `names` whose shards the store has, final and undamaged. Prints the damaged ones."""
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
    """Whether the shard is undamaged and final; reads it whole and compares its checksums."""
    try:
        shard = Shard(path)
        shard.check()
    except DataError:
        print(f"warning: {path} is damaged: decoding its clips again", file=sys.stderr)
        path.chmod(0o644)  # DVC's cache may share the file, and checks writable files only
        return False
    return shard.is_final
