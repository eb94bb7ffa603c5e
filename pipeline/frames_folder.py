"""data/frames: the manifest's shards, an index of all clips, and the integrity report."""

import json
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.shard_plan import PlannedShard
from spm.atomic import atomic_path
from spm.config.frames import FramesConfig
from spm.frame_store import INDEX
from spm.shards import Shard

INTEGRITY = "integrity.json"

_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "class", "class_text", "split")),
        *((name, pa.string()) for name in ("status", "reason", "reader", "shard")),
        *((name, pa.int32()) for name in ("row", "video_frames", "width", "height")),
    ]
)
_ABSENT = {"reader": "", "shard": "", "row": -1, "video_frames": 0, "width": 0, "height": 0}


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
    index = _index(manifest, shards=shards, store=store, frames=frames)
    with atomic_path(folder / INDEX) as temporary:
        pq.write_table(index, temporary)
    with atomic_path(folder / INTEGRITY) as temporary:
        temporary.write_text(json.dumps(integrity(index), indent=1, ensure_ascii=False) + "\n")
    return index


def integrity(index: pa.Table) -> dict[str, Any]:
    """Usable clips by split and class, who read them, and why the others were rejected."""
    clips = index.to_pylist()
    rejected = [clip for clip in clips if clip["status"] == "rejected"]
    splits: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for clip in sorted(clips, key=lambda clip: (clip["split"], clip["class"])):
        counts = splits[clip["split"]].setdefault(clip["class"], {"ok": 0, "rejected": 0})
        counts[clip["status"]] += 1
    return {
        "clips": len(clips),
        "ok": len(clips) - len(rejected),
        "rejected": len(rejected),
        "readers": dict(
            sorted(Counter(clip["reader"] for clip in clips if clip["reader"]).items())
        ),
        "reasons": dict(sorted(Counter(clip["reason"] for clip in rejected).items())),
        "splits": splits,
        "rejected_clips": {clip["id"]: clip["reason"] for clip in rejected},
    }


def _link(source: Path, target: Path) -> None:
    """A hard link; a copy where the store is on another device."""
    try:
        os.link(source, target)
    except OSError:
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)


def _index(
    manifest: pa.Table, *, shards: Sequence[PlannedShard], store: Path, frames: FramesConfig
) -> pa.Table:
    decoded: dict[str, dict[str, Any]] = {}
    for shard in shards:
        decoded |= _outcomes(store / shard.name)
    clips = sorted(manifest.to_pylist(), key=lambda clip: clip["id"])
    rows = [{**_ABSENT, **clip, **decoded.get(clip["id"], {})} for clip in clips]
    schema = _SCHEMA.with_metadata(
        {
            "num_segments": str(frames.num_segments),
            "samples_per_segment": str(frames.samples_per_segment),
        }
    )
    return pa.Table.from_pylist(rows, schema=schema)


def _outcomes(path: Path) -> dict[str, dict[str, Any]]:
    """What became of each clip of a shard."""
    shard = Shard(path)
    outcomes: dict[str, dict[str, Any]] = {}
    for row, clip in enumerate(shard.clips):
        outcomes[clip["id"].decode()] = {
            "reader": clip["reader"].decode(),
            "shard": path.name,
            "row": row,
            "video_frames": int(clip["video_frames"]),
            "width": int(clip["width"]),
            "height": int(clip["height"]),
        }
    for clip in shard.rejected:
        outcomes[clip["id"].decode()] = {"status": "rejected", "reason": clip["reason"].decode()}
    return outcomes
