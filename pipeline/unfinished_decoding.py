"""Which shards a decoding needs that has not ended: noted in the store, for `make gc`.

shards/unfinished/<key>.json   {"recipe": "…", "shards": ["….h5", …]}
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.shard_plan import PlannedShard
from spm.atomic import atomic_path
from spm.hashing import value_hash


@dataclass(frozen=True)
class Note:
    path: Path
    recipe: str
    """Of the shards, as `recipe_hash` gives it."""
    shards: frozenset[str]


@contextmanager
def noted(shards: Sequence[PlannedShard], *, store: Path, recipe: str) -> Iterator[None]:
    """Notes `shards` while the block runs, and from then on where it does not end well."""
    names = [shard.name for shard in shards]
    note = store / "unfinished" / f"{value_hash(names)[:16]}.json"
    with atomic_path(note) as path:
        path.write_text(json.dumps({"recipe": recipe, "shards": names}), encoding="utf-8")
    yield
    note.unlink(missing_ok=True)


def notes(store: Path) -> list[Note]:
    """Of all decodings that have not ended, whoever runs or ran them."""
    return [_read(path) for path in sorted((store / "unfinished").glob("*.json"))]


def _read(path: Path) -> Note:
    values = json.loads(path.read_text(encoding="utf-8"))
    return Note(path, values["recipe"], frozenset(values["shards"]))
