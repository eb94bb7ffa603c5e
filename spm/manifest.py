"""The manifest: which clip belongs to which class and split, and which cannot be used and why.

One folder per class: the first folder of a path is the class, whatever lies below. All columns are
strings, rows sorted by id:

    id, path    the path relative to the data set's folder
    key         content key of the inventory
    class       name of the folder; "" for a file beside the class folders
    class_text  see spm.class_text
    split       train, val or test; "" where the class is in none
    status      ok or rejected
    reason      of a rejection, else ""

The name of the data set is in the schema's metadata.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath

import pyarrow as pa

from spm.class_text import class_texts
from spm.config.dataset import DatasetConfig, DrawnSplit
from spm.errors import DataError
from spm.splits import SPLITS, draw_splits, splits_of_lists

COLUMNS = ("id", "path", "key", "class", "class_text", "split", "status", "reason")
EXTENSIONS = ("mp4", "mov", "avi", "mkv", "webm")
NO_SPLIT = "class is in no split"
NO_CLASS = "not in a class folder"

_SHOWN = 5

Row = dict[str, str]


def build(
    inventory: pa.Table, *, dataset: DatasetConfig, class_lists: dict[str, list[str]] | None
) -> pa.Table:
    """The manifest of the files in `inventory`.

    `class_lists` (split -> classes) are the contents of the file `dataset.split`; None where the
    split is drawn. Clips of classes that no split has are listed as rejected, but do not count
    towards `dataset.max_rejected`.

    Raises ConfigError for an override of a class that does not exist and for a class in two
    splits; DataError for a listed class without clips, too few classes to draw from, and too many
    unusable clips.
    """
    rows = [_row(**file) for file in inventory.to_pylist()]
    _assign_splits(rows, dataset=dataset, class_lists=class_lists)
    _assign_texts(rows, overrides=dataset.class_texts)
    _check_rejected(rows, limit=dataset.max_rejected)
    schema = pa.schema([(name, pa.string()) for name in COLUMNS], {"dataset": dataset.name})
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row["id"]), schema=schema)


def clip_counts(manifest: pa.Table) -> dict[str, dict[str, int]]:
    """Usable clips: split -> class -> number. A class of which none can be used counts 0."""
    counts: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    columns = (manifest.column(name).to_pylist() for name in ("split", "class", "status"))
    for split, name, status in zip(*columns, strict=True):
        if split:
            counts[split][name] = counts[split].get(name, 0) + (status == "ok")
    return counts


def _row(*, path: str, size: int, key: str) -> Row:
    folder, *below = PurePosixPath(path).parts
    reason = _unusable(path, size=size, key=key)
    return {
        "id": path,
        "path": path,
        "key": key,
        "class": folder if below else "",
        "reason": reason,
    }


def _unusable(path: str, *, size: int, key: str) -> str:
    """What the inventory already shows."""
    extension = PurePosixPath(path).suffix.lower().removeprefix(".")
    if extension not in EXTENSIONS:
        return f"not a video file: .{extension} is none of {', '.join(EXTENSIONS)}"
    if not key:
        return "cannot be read (no right to, or a broken link)"
    return "zero bytes" if size == 0 else ""


def _assign_splits(
    rows: list[Row], *, dataset: DatasetConfig, class_lists: dict[str, list[str]] | None
) -> None:
    present = {row["class"] for row in rows if row["class"]}
    if isinstance(dataset.split, DrawnSplit):
        usable = {row["class"] for row in rows if row["class"] and not row["reason"]}
        splits = draw_splits(usable, how=dataset.split)
    else:
        assert class_lists is not None, "dataset.split names a file: give its class lists"
        splits = splits_of_lists(class_lists, present=present)
    for row in rows:
        row["split"] = splits.get(row["class"], "")
        if not row["split"]:
            row["reason"] = NO_SPLIT if row["class"] else NO_CLASS
        row["status"] = "rejected" if row["reason"] else "ok"


def _assign_texts(rows: list[Row], *, overrides: Mapping[str, str]) -> None:
    texts = class_texts({row["class"] for row in rows if row["class"]}, overrides=overrides)
    for row in rows:
        row["class_text"] = texts.get(row["class"], "")


def _check_rejected(rows: list[Row], *, limit: float) -> None:
    """Of the clips that a split asks for."""
    asked = [row for row in rows if row["split"]]
    rejected = [row for row in asked if row["reason"]]
    if len(rejected) > limit * len(asked):
        raise DataError(_too_many_rejected(rejected, total=len(asked), limit=limit))


def _too_many_rejected(rejected: list[Row], *, total: int, limit: float) -> str:
    """The message: how many, and the first few with their reasons."""
    shown = [f"  {row['path']}: {row['reason']}" for row in rejected[:_SHOWN]]
    more = [f"  and {len(rejected) - _SHOWN} more"] if len(rejected) > _SHOWN else []
    head = (
        f"{len(rejected)} of {total} clips cannot be used, more than dataset.max_rejected = "
        f"{limit:g} allows. Mend or remove the files, or raise the limit:"
    )
    return "\n".join([head, *shown, *more])
