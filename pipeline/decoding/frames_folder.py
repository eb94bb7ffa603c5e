"""data/frames: the manifest's shards, an index of all clips, and the integrity report."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.decoding.frames_index import build_index
from pipeline.decoding.shard_plan import PlannedShard
from spm.base.atomic import atomic_folder, link
from spm.config.frames import FramesConfig
from spm.dataset.coverage import about, coverage
from spm.frames.clip_index import INDEX
from spm.frames.integrity import INTEGRITY


def write_folder(
    folder: Path,
    *,
    manifest: pa.Table,
    shards: Sequence[PlannedShard],
    store: Path,
    frames: FramesConfig,
) -> tuple[pa.Table, dict[str, Any]]:
    """Writes `folder` anew from `store`, which must have all of `shards`.

    Returns the index and the integrity report.
    """
    index = build_index(manifest, shards=shards, store=store, frames=frames)
    report = integrity(index)
    with atomic_folder(folder) as new:
        for shard in shards:
            link(store / shard.name, new / shard.name)
        pq.write_table(index, new / INDEX)
        text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
        (new / INTEGRITY).write_text(text, encoding="utf-8")
    return index, report


def integrity(index: pa.Table) -> dict[str, Any]:
    """The integrity report: clips by status, class, reader and reason, and the unusable clips.

    Files that no split asks for count only among the reasons.
    """
    asked = index.filter(pc.not_equal(index["split"], ""))
    unusable = asked.filter(pc.not_equal(asked["status"], "ok"))
    return {
        "clips": len(asked),
        "ok": 0,
        "rejected": 0,
        **_counts(asked["status"]),
        "transient": len(asked.filter(asked["transient"])),
        "readers": _counts(index["reader"]),
        "reasons": _counts(index["reason"]),
        "data": about(index),
        "coverage": coverage(index),
        "unusable_clips": dict(
            zip(unusable["id"].to_pylist(), unusable["reason"].to_pylist(), strict=True)
        ),
    }


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Value -> its number of rows, sorted; "" is not counted."""
    found = pc.value_counts(column.filter(pc.not_equal(column, "")))
    return dict(sorted((entry["values"], entry["counts"]) for entry in found.to_pylist()))
