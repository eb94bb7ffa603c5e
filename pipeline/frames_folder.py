"""data/frames: the manifest's shards, an index of all clips, and the integrity report."""

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.frames_index import build_index
from pipeline.shard_plan import PlannedShard
from spm.atomic import atomic_path
from spm.config.frames import FramesConfig
from spm.frame_store import INDEX

INTEGRITY = "integrity.json"


def write_folder(
    folder: Path,
    *,
    manifest: pa.Table,
    shards: Sequence[PlannedShard],
    store: Path,
    frames: FramesConfig,
) -> pa.Table:
    """Writes `folder` anew from the store, which has all of `shards`; returns the index."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for shard in shards:
        _link(store / shard.name, folder / shard.name)
    index = build_index(manifest, shards=shards, store=store, frames=frames)
    with atomic_path(folder / INDEX) as temporary:
        pq.write_table(index, temporary)
    with atomic_path(folder / INTEGRITY) as temporary:
        temporary.write_text(json.dumps(integrity(index), indent=1, ensure_ascii=False) + "\n")
    return index


def integrity(index: pa.Table) -> dict[str, Any]:
    """Usable clips by split and class, who read them, and why the others were rejected."""
    rejected = index.filter(pc.equal(index["status"], "rejected"))
    readers = index.filter(pc.not_equal(index["reader"], ""))["reader"]
    return {
        "clips": len(index),
        "ok": len(index) - len(rejected),
        "rejected": len(rejected),
        "readers": _counts(readers),
        "reasons": _counts(rejected["reason"]),
        "splits": _class_counts(index),
        "rejected_clips": dict(
            zip(rejected["id"].to_pylist(), rejected["reason"].to_pylist(), strict=True)
        ),
    }


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Value -> how often, sorted."""
    found = pc.value_counts(column)
    return dict(sorted((entry["values"], entry["counts"]) for entry in found.to_pylist()))


def _class_counts(index: pa.Table) -> dict[str, dict[str, dict[str, int]]]:
    """Split -> class -> status -> clips, sorted."""
    counts = index.group_by(["split", "class", "status"]).aggregate([([], "count_all")])
    splits: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for row in counts.sort_by([("split", "ascending"), ("class", "ascending")]).to_pylist():
        statuses = splits[row["split"]].setdefault(row["class"], {"ok": 0, "rejected": 0})
        statuses[row["status"]] = row["count_all"]
    return splits


def _link(source: Path, target: Path) -> None:
    """A hard link; a copy where the store is on another device."""
    try:
        os.link(source, target)
    except OSError:
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
