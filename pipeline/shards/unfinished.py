"""Notes in a store on the shards that unfinished work needs, for `make gc`.

unfinished/<key>.json   {"recipe": "…", "shards": ["….h5", …]}, locked while the stage works
unfinished/lock         locked while a stage begins or ends to work, or gc removes shards
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from spm.base.atomic import atomic_path
from spm.base.hashing import value_hash
from spm.base.lock import is_sole, locked, share


@dataclass(frozen=True)
class Note:
    path: Path
    recipe: str
    """A hash of what decides the shards' bytes besides their clips."""
    shards: frozenset[str]
    runs: bool
    """False if the stage was killed, or ended with an error."""


@contextmanager
def noted(names: Sequence[str], *, store: Path, recipe: str) -> Iterator[None]:
    """Notes shards by their names while the block runs. If it fails or is killed, the note stays.

    Of several processes that make the same shards, the last one removes the note.
    """
    note = store / "unfinished" / f"{value_hash(list(names))[:16]}.json"
    with ExitStack() as running:
        with _turn(store):
            if not note.is_file():
                with atomic_path(note) as path:
                    text = json.dumps({"recipe": recipe, "shards": list(names)})
                    path.write_text(text, encoding="utf-8")
            file = running.enter_context(open(note, "r+", encoding="utf-8"))
            share(file)
        yield
        with _turn(store):
            if is_sole(file):
                note.unlink()


@contextmanager
def notes(store: Path) -> Iterator[list[Note]]:
    """The notes of all unfinished work, by whatever process.

    Others wait with their beginning or end until the block has ended.
    """
    with _turn(store):
        yield [_read(path) for path in sorted((store / "unfinished").glob("*.json"))]


def _turn(store: Path) -> AbstractContextManager[None]:
    return locked(store / "unfinished", message=None)


def _read(path: Path) -> Note:
    with open(path, "r+", encoding="utf-8") as file:
        values = json.load(file)
        return Note(path, values["recipe"], frozenset(values["shards"]), runs=not is_sole(file))
