"""Reads the tables that stages write, Parquet and CSV: whole, or an error that names the stage."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spm.base.made_files import made_by
from stages.shared import paths

_MADE_BY = {
    paths.INVENTORY: "inventory",
    paths.MANIFEST: "manifest",
    paths.TRAIN_CURVES: "train",
    paths.PER_CLASS: "evaluate",
    paths.CONFUSION: "evaluate",
    paths.UNKNOWN: "evaluate",
}


def read_table(path: Path, *, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file of `paths`. Raises DataError if it is missing or damaged."""
    with made_by(_MADE_BY[path], path):
        return pq.read_table(path, columns=None if columns is None else list(columns))


def dataset_of_manifest() -> str:
    """The data set's name, in the manifest. Raises DataError if this is missing or damaged."""
    with made_by(_MADE_BY[paths.MANIFEST], paths.MANIFEST):
        name: bytes = pq.read_schema(paths.MANIFEST).metadata[b"dataset"]
        return name.decode()


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file of `paths`. Raises DataError if it is missing, or was cut."""
    with made_by(_MADE_BY[path], path):
        text = path.read_text(encoding="utf-8")
        if not text.endswith("\n"):
            raise ValueError("its end is missing")
        reader = csv.DictReader(text.splitlines(keepends=True))
        rows: list[dict[str, str]] = list(reader)
        if any(None in row or None in row.values() for row in rows):
            raise ValueError("a row has too few or too many columns")
        return rows
