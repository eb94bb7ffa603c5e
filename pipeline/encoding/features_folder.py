"""data/features: the planned shards, and an index with the clips' places in them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.encoding.feature_plan import PlannedFeatures
from spm.base.atomic import atomic_folder, link
from spm.frames.clip_index import INDEX, ClipIndex


def write_features_folder(
    folder: Path, *, frames: ClipIndex, shards: Sequence[PlannedFeatures], store: Path
) -> None:
    """Writes `folder` anew from `store`, which must have all of `shards`."""
    index = _index(frames, shards=shards)
    with atomic_folder(folder) as new:
        for shard in shards:
            link(store / shard.name, new / shard.name)
        pq.write_table(index, new / INDEX)


def _index(frames: ClipIndex, *, shards: Sequence[PlannedFeatures]) -> pa.Table:
    """The frames' index with the shards of features; clips keep their numbers, classes theirs."""
    table = pq.read_table(frames.folder / INDEX)
    usable = np.flatnonzero(table["status"].to_numpy(zero_copy_only=False) == "ok")
    names, rows = np.full(len(table), "", object), np.full(len(table), -1, np.int32)
    for shard in shards:
        for row, clip in enumerate(shard.clips):
            names[usable[clip.number]], rows[usable[clip.number]] = shard.name, row
    for name, values in {"shard": pa.array(names, pa.string()), "row": pa.array(rows)}.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table
