"""Which shards a manifest needs, and their names.

A clip goes to a shard by a hash of its id, so that a new clip changes one shard. A shard's name is
a hash of everything that decides its bytes, so that a store can keep shards of many manifests and
parameters side by side.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spm.base.hashing import value_hash
from spm.base.source import code_hash
from spm.base.versions import DECODING, versions
from spm.config.frames import FramesConfig
from spm.video.counting_readers import LIBRARIES

_RECIPE = ("spm/video", "spm/frames")
"""The code that turns clips into a shard."""


@dataclass(frozen=True)
class PlannedShard:
    """One file of the store."""

    name: str
    clips: tuple[dict[str, str], ...]
    """Each clip's id, path and key, sorted by id."""


def plan_shards(manifest: pa.Table, *, frames: FramesConfig) -> list[PlannedShard]:
    """The shards of the manifest's usable clips, sorted by name."""
    usable = manifest.filter(pc.equal(manifest["status"], "ok"))
    groups = defaultdict(list)
    for clip in usable.select(["id", "path", "key"]).sort_by("id").to_pylist():
        groups[_group(clip["id"], num_shards=frames.num_shards)].append(clip)
    recipe = _recipe(frames)
    shards = [PlannedShard(_name(clips, recipe), tuple(clips)) for clips in groups.values()]
    return sorted(shards, key=lambda shard: shard.name)


def recipe_hash(frames: FramesConfig) -> str:
    """A hash of the parameters, code and packages that decide a shard's bytes besides its clips."""
    return value_hash(_recipe(frames))


def decoding_packages(reader: str) -> dict[str, str]:
    """Package -> version, of the packages that decide what `reader` (frames.reader) returns."""
    return versions([*DECODING, *([reader] if reader in LIBRARIES else [])])


def _group(clip_id: str, *, num_shards: int) -> int:
    digest = hashlib.blake2b(clip_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % num_shards


def _name(clips: list[dict[str, str]], recipe: dict[str, Any]) -> str:
    contents = [[clip["id"], clip["path"], clip["key"]] for clip in clips]
    return f"{value_hash([contents, recipe])[:32]}.h5"


def _recipe(frames: FramesConfig) -> dict[str, Any]:
    """Everything that decides a shard's bytes besides its clips."""
    values = frames.model_dump(exclude={"num_shards"})
    if frames.storage == "raw":
        del values["jpeg_quality"]
    packages = decoding_packages(frames.reader)
    return {"frames": values, "packages": packages, "source": _code()}


@cache
def _code() -> str:
    """The hash of the code, computed once: a long-lived worker must report the code that it runs,
    not later edits."""
    return code_hash(*_RECIPE)
