"""Synthetic data sets of any size without video: tables, tiny shards, folders of small files."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spm.dataset.inventory import SCHEMA
from spm.frames.shard_writer import write_shard
from spm.video.clip import Clip

_SPLITS = {"train": 0.6, "val": 0.15, "test": 0.25}
_SHARDS = 512
_METADATA = {"num_segments": "8", "samples_per_segment": "1"}


def manifest(*, num_clips: int, num_classes: int) -> pa.Table:
    """A manifest of `num_classes` classes with equally many usable clips, sorted by id."""
    label = np.arange(num_clips) // -(-num_clips // num_classes)
    names = np.array([f"class_{number:04}" for number in range(num_classes)])
    bounds = np.round(np.cumsum(list(_SPLITS.values())) * num_classes)
    split = np.array(list(_SPLITS))[np.searchsorted(bounds, np.arange(num_classes), side="right")]
    ids = [f"{names[n]}/{_key(number)}.mp4" for number, n in enumerate(label)]
    columns = {
        "id": ids,
        "path": ids,
        "key": [_key(-number) for number in range(num_clips)],
        "class": names[label],
        "class_text": names[label],
        "split": split[label],
        "status": pa.repeat("ok", num_clips),
        "reason": pa.repeat("", num_clips),
    }
    return pa.table(columns).sort_by("id").replace_schema_metadata({"dataset": "simulated"})


def inventory_of(clips: pa.Table) -> pa.Table:
    """The inventory of a manifest's clips."""
    about = {"size": np.full(len(clips), 7), "key": clips["key"], "kind": ["file"] * len(clips)}
    return pa.table({"path": clips["path"], **about}, schema=SCHEMA)


def write_index(path: Path, *, num_clips: int, num_classes: int) -> None:
    """Writes an index of data/frames, without the shards that it names."""
    clips = manifest(num_clips=num_clips, num_classes=num_classes).drop_columns(["path", "key"])
    shards = np.array([f"{_key(number)}.h5" for number in range(_SHARDS)])
    of_clip = np.random.default_rng(0).integers(_SHARDS, size=num_clips)
    columns = {
        "reader": pa.repeat("decord", num_clips),
        "shard": shards[of_clip],
        "row": (np.arange(num_clips) // _SHARDS).astype(np.int32),
        "video_frames": np.full(num_clips, 100, np.int32),
        "width": np.full(num_clips, 340, np.int32),
        "height": np.full(num_clips, 256, np.int32),
    }
    for name, values in columns.items():
        clips = clips.append_column(name, pa.array(values))
    pq.write_table(clips.replace_schema_metadata(_METADATA), path)


def write_tiny_shard(path: Path, ids: list[str]) -> None:
    """Writes a shard whose clips have one frame of one pixel."""
    clip = Clip(np.zeros((1, 1, 1, 3), np.uint8), "decord", 100)
    clips = ((clip_id, clip) for clip_id in ids)
    write_shard(path, clips, frames_per_clip=1, storage="raw", jpeg_quality=95)


def write_small_files(folder: Path, *, num_files: int, num_classes: int) -> None:
    """Writes files of 1,500 random bytes with a video's extension, in a folder for each class."""
    rng = np.random.default_rng(0)
    for number in range(num_classes):
        (folder / f"class_{number:03}").mkdir(parents=True)
    for number in range(num_files):
        path = folder / f"class_{number % num_classes:03}" / f"{number:06}.mp4"
        path.write_bytes(rng.bytes(1500))


def _key(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()
