"""The index of a folder of shards: which clips there are, of which class and split, and where.

T segments, P samples in each. A clip is named by its number: its row in `ClipIndex.clips`. The
numbers are the same in data/frames and in data/features.

Values that repeat (class, split, shard) are held once, with a number per clip, so that a million
clips load in about a second (bench/growth.py).
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spm.base.hashing import file_hash
from spm.base.made_files import made_by

INDEX = "index.parquet"

_REPEATED = ["class", "split", "status", "shard"]

Ints = npt.NDArray[np.integer[Any]]


class ClipIndex:
    """The usable clips of a data set."""

    clips: pa.Table
    """id, class, split, shard, row; sorted by id."""
    num_frames: int
    """T."""
    samples_per_segment: int
    """P."""
    identity: str
    """A hash of the data: folders with the same clips and shards have the same identity."""

    def __init__(self, folder: Path) -> None:
        index = folder / INDEX
        columns = ["id", *_REPEATED, "row"]
        with made_by(folder.name, index):  # the folders are named after their stages
            table = pq.read_table(index, columns=columns, read_dictionary=_REPEATED)
            self.num_frames = int(table.schema.metadata[b"num_segments"])
            self.samples_per_segment = int(table.schema.metadata[b"samples_per_segment"])
        usable = table.filter(pc.equal(table["status"], "ok"))
        self.folder = folder
        self.clips = usable.drop_columns("status")
        self.identity = file_hash(index)
        self._class_names = _class_names(table)
        self._names, self._name_of = _encoded(usable["shard"])
        self._row_of = usable["row"].to_numpy()

    def classes(self, split: str) -> dict[str, npt.NDArray[np.int64]]:
        """Clip numbers of each class of `split`, the classes sorted by name.

        A class without usable clips has an empty array, so that drawing episodes can take notice of
        it.
        """
        clips = np.flatnonzero(pc.equal(self.clips["split"], split).to_numpy())
        labels, label_of = _encoded(self.clips["class"])
        by_class = clips[np.argsort(label_of[clips], kind="stable")]
        ends = np.cumsum(np.bincount(label_of[clips], minlength=len(labels)))
        found = dict(zip(labels, np.split(by_class, ends), strict=False))
        return {name: found.get(name, clips[:0]) for name in self._class_names.get(split, [])}

    def place(self, clip: int) -> tuple[str, int]:
        """The name of the shard that has clip number `clip`, and the clip's row there."""
        return self._names[self._name_of[clip]], int(self._row_of[clip])


def _class_names(table: pa.Table) -> dict[str, list[str]]:
    """Split -> its classes, sorted, including classes without usable clips."""
    splits, split_of = _encoded(table["split"])
    labels, label_of = _encoded(table["class"])
    pairs = np.unique(split_of.astype(np.int64) * len(labels) + label_of)
    names: dict[str, list[str]] = {split: [] for split in splits}
    for pair in pairs.tolist():
        names[splits[pair // len(labels)]].append(labels[pair % len(labels)])
    return {split: sorted(found) for split, found in names.items()}


def _encoded(column: pa.ChunkedArray) -> tuple[list[str], Ints]:
    """The values of a dictionary column, and for each row the number of its value."""
    whole = column.unify_dictionaries().combine_chunks()
    return whole.dictionary.to_pylist(), whole.indices.to_numpy()
