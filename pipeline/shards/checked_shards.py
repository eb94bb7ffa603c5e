"""Which shards of a store are sound. Each shard is read whole once, and again when it has changed.

`checked.json` in the store notes the stamps of the shards that were read and found sound. Damage
that leaves size, time and inode unchanged, as by a failing disk, is not noticed here: every frame
and every clip's features have a checksum, which training and evaluation compare when they read them
(spm.frames.shards, spm.features.shards). Without `checked.json`, all shards are read again.
"""

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from spm.base.errors import DataError
from spm.base.file_notes import FileNotes, stamp_of

CHECKED = "checked.json"
_SAVE_SECONDS = 10
"""The interval of saving the notes: a check that is killed goes on from there."""


class Checkable(Protocol):
    """An opened shard, whose tables have been read."""

    @property
    def is_final(self) -> bool:
        """Whether making it again must give the same shard."""

    def check(self) -> None:
        """Reads all of it. Raises DataError where it is damaged."""


def sound_shards(
    names: Iterable[str], *, store: Path, opened: Callable[[Path], Checkable]
) -> set[str]:
    """Those of `names` whose shards the store has, final and undamaged. Prints the damaged ones.

    opened: path -> the shard; raises DataError for a damaged one.
    """
    notes, sound, saved = FileNotes(store / CHECKED), set(), time.monotonic()
    for name in names:
        if not (store / name).exists():
            continue
        stamp = stamp_of(store / name)
        if not notes.found(name, stamp=stamp) and not _is_sound(store / name, opened):
            continue
        sound.add(name)
        notes.note(name, stamp=stamp, found=True)
        if time.monotonic() - saved > _SAVE_SECONDS:
            notes.save()
            saved = time.monotonic()
    notes.save()
    return sound


def _is_sound(path: Path, opened: Callable[[Path], Checkable]) -> bool:
    """Whether the shard is undamaged and final; reads it whole and compares its checksums."""
    try:
        shard = opened(path)
        shard.check()
    except DataError:
        print(f"warning: {path} is damaged: making it again from its clips", file=sys.stderr)
        path.chmod(0o644)  # DVC's cache may share the file, and checks writable files only
        return False
    return shard.is_final
