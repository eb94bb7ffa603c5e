"""Which shards a manifest needs, and what each is called.

A clip goes to a shard by a hash of its id, so that a new clip changes one shard. A shard is named
by the fingerprint of all that decides its bytes, so that a store can keep shards of many manifests
and parameters side by side.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import pipeline.decode_worker
import pipeline.isolated_reader
import spm.container
import spm.counting_readers
import spm.ebml
import spm.frame_folder
import spm.nal_units
import spm.packet_checks
import spm.packets
import spm.pyav_reader
import spm.sampling
import spm.shard_writer
import spm.shards
import spm.video
from spm.config.frames import FramesConfig
from spm.counting_readers import LIBRARIES
from spm.hashing import source_hash, value_hash
from spm.versions import DECODING, versions

_MODULES = (
    pipeline.decode_worker,
    pipeline.isolated_reader,
    spm.container,
    spm.counting_readers,
    spm.ebml,
    spm.frame_folder,
    spm.nal_units,
    spm.packet_checks,
    spm.packets,
    spm.pyav_reader,
    spm.sampling,
    spm.shard_writer,
    spm.shards,
    spm.video,
)


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
    """Of the parameters, code and packages that decide a shard's bytes besides its clips."""
    return value_hash(_recipe(frames))


def decoding_packages(reader: str) -> dict[str, str]:
    """Package -> version, of those that decide what `reader` (frames.reader) returns."""
    return versions([*DECODING, *([reader] if reader in LIBRARIES else [])])


def _group(clip_id: str, *, num_shards: int) -> int:
    digest = hashlib.blake2b(clip_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % num_shards


def _name(clips: list[dict[str, str]], recipe: dict[str, Any]) -> str:
    contents = [[clip["id"], clip["path"], clip["key"]] for clip in clips]
    return f"{value_hash([contents, recipe])[:32]}.h5"


def _recipe(frames: FramesConfig) -> dict[str, Any]:
    """All that decides a shard's bytes besides its clips."""
    values = frames.model_dump(exclude={"num_shards"})
    if frames.storage == "raw":
        del values["jpeg_quality"]
    packages = decoding_packages(frames.reader)
    return {"frames": values, "packages": packages, "source": source_hash(_MODULES)}
