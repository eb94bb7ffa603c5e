"""The index of data/frames: a row for every clip of the manifest, with the outcome of decoding it.

Arrow joins the columns: a million clips take seconds, and no Python object each.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decoding.shard_plan import PlannedShard
from spm.config.frames import FramesConfig
from spm.frames.shards import Shard

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "class", "class_text", "split")),
        *((name, pa.string()) for name in ("status", "reason", "reader", "shard")),
        *((name, pa.int32()) for name in ("row", "video_frames", "width", "height")),
        ("transient", pa.bool_()),
    ]
)
_OF_CLIPS = (b"benchmark", b"variant", b"says", b"published")
"""Keys of the manifest's metadata that the index keeps: all but the data set's name."""
_ABSENT = {"reader": "", "shard": "", "row": -1, "video_frames": 0, "width": 0, "height": 0}
_ABSENT["transient"] = False


def build_index(
    manifest: pa.Table, *, shards: Sequence[PlannedShard], store: Path, frames: FramesConfig
) -> pa.Table:
    """The index, its rows sorted by id. `store` must have all of `shards`."""
    clips = manifest.sort_by("id")
    outcomes = [SCHEMA.empty_table(), *(_outcomes(store / shard.name) for shard in shards)]
    decoded = pa.concat_tables(outcomes, promote_options="default").combine_chunks()
    decoded = decoded.take(pc.index_in(clips["id"], value_set=decoded["id"]))
    metadata = {
        **{key: value for key, value in manifest.schema.metadata.items() if key in _OF_CLIPS},
        "num_segments": str(frames.num_segments),
        "samples_per_segment": str(frames.samples_per_segment),
    }
    columns = [_column(name, decoded=decoded, clips=clips) for name in SCHEMA.names]
    return pa.table(columns, schema=SCHEMA.with_metadata(metadata)).combine_chunks()


def _outcomes(path: Path) -> pa.Table:
    """The usable and the rejected clips of one shard; columns that the shard does not know are
    null."""
    shard = Shard(path)
    usable = {
        "id": _text(shard.clips["id"]),
        "reader": _text(shard.clips["reader"]),
        "shard": pa.repeat(path.name, len(shard.clips)),
        "row": np.arange(len(shard.clips), dtype=np.int32),
        **{name: shard.clips[name] for name in ("video_frames", "width", "height")},
    }
    rejected = {
        "id": _text(shard.rejected["id"]),
        "status": pa.repeat("rejected", len(shard.rejected)),
        "reason": _text(shard.rejected["reason"]),
        "transient": shard.rejected["transient"].astype(bool),
    }
    return pa.concat_tables([pa.table(usable), pa.table(rejected)], promote_options="default")


def _column(name: str, *, decoded: pa.Table, clips: pa.Table) -> pa.ChunkedArray:
    """A column: each clip's value from decoding, else from the manifest, else from `_ABSENT`."""
    known = [table[name] for table in (decoded, clips) if name in table.column_names]
    absent = [pa.scalar(_ABSENT[name], SCHEMA.field(name).type)] if name in _ABSENT else []
    return pc.coalesce(*known, *absent)


def _text(column: npt.NDArray[np.bytes_]) -> pa.Array:
    return pa.array(column.tolist(), pa.binary()).cast(pa.string())
