"""Small frame stores for tests: a bright square on noise, whose path tells the class."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spm.dataset.coverage import about, coverage
from spm.frames.clip_index import INDEX
from spm.frames.integrity import INTEGRITY
from spm.frames.shard_writer import write_shard
from spm.frames.store import FrameStore
from spm.video.clip import Clip

T, SIDE = 4, 40


def make_store(
    folder: Path,
    *,
    classes: dict[str, int],
    clips: int = 6,
    samples_per_segment: int = 1,
    side: int = SIDE,
) -> FrameStore:
    """`classes`: split -> number of classes; each has `clips` clips. Frames are side × side."""
    rng = np.random.default_rng(0)
    rows, shard = [], []
    for split, count in classes.items():
        for number in range(count):
            for clip in range(clips):
                name = f"{split}_class{number}"
                rows.append({"id": f"{name}/{clip:03d}", "class": name, "split": split})
                frames = _frames(number, rng, T * samples_per_segment, side)
                shard.append((rows[-1]["id"], Clip(frames, "decord", 30)))
    write_shard(
        folder / "shard.h5",
        shard,
        frames_per_clip=T * samples_per_segment,
        storage="raw",
        jpeg_quality=95,
    )
    for row, clip in enumerate(rows):
        clip |= {"class_text": clip["class"], "status": "ok", "shard": "shard.h5", "row": row}
    metadata = {"num_segments": str(T), "samples_per_segment": str(samples_per_segment)}
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: row["id"]))
    pq.write_table(table.replace_schema_metadata(metadata), folder / INDEX)
    report = {"data": about(table), "coverage": coverage(table)}
    (folder / INTEGRITY).write_text(json.dumps(report))
    return FrameStore(folder)


def _frames(number: int, rng: np.random.Generator, count: int, side: int) -> np.ndarray:
    frames = rng.integers(0, 60, size=(count, side, side, 3), dtype=np.uint8)
    angle = 2 * np.pi * number / 5 + rng.normal(scale=0.1)
    for index, frame in enumerate(frames):
        along = 12 * (index / (count - 1) - 0.5)
        y, x = (int(side / 2 + along * part) for part in (np.sin(angle), np.cos(angle)))
        frame[y - 4 : y + 4, x - 4 : x + 4] = 220
    return frames
