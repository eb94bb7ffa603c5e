"""The manifest: which clip belongs to which class and split, and which cannot be used and why.

One folder per class: the first folder of a path is the class, whatever lies below. A benchmark's
clips lie in whatever folders (spm.published_clips). All columns are strings, rows sorted by id:

    id          the path; of a benchmark's clip class/name, the same wherever its file lies
    path        of the file, relative to the data set's folder; "" for a missing one
    key         content key of the inventory
    class       name of the folder; "" for a file beside the class folders
    class_text  see spm.class_text
    split       train, val or test; "" where the file is in none
    status      ok; rejected; missing: a list names the clip, but there is no file;
                duplicate: a further file of a clip that is there
    reason      of all but ok, else ""

The schema's metadata: `dataset`, its name; of a benchmark also `benchmark`, `variant` (which set of
clips: see spm.benchmarks), `says` (what that is) and `published`, as JSON: {split: {class: clips}}.
"""

import json
from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa

from spm.benchmarks import Variant
from spm.class_text import class_texts
from spm.clip_files import unusable
from spm.config.dataset import DatasetConfig, DrawnSplit
from spm.published_clips import Published, Row, published_rows
from spm.rejections import check_rejected
from spm.splits import SPLITS, draw_splits, splits_of_lists

COLUMNS = ("id", "path", "key", "class", "class_text", "split", "status", "reason")
NO_SPLIT = "class is in no split"
NO_CLASS = "not in a class folder"

ClassLists = Mapping[str, list[str]]
"""Split -> classes."""


def build(
    inventory: pa.Table, *, dataset: DatasetConfig, split: ClassLists | Published | None
) -> pa.Table:
    """The manifest of the files in `inventory`.

    `split`: what `dataset.split` names; None where it is drawn. Files that no split asks for are
    listed as rejected; they, missing clips and duplicates do not count towards
    `dataset.max_rejected`.

    Raises ConfigError for an override of a class that does not exist and for a class in two
    splits; DataError for a class without clips, too few classes to draw from, and too many
    unusable clips.
    """
    files = inventory.to_pylist()
    metadata = {"dataset": dataset.name}
    released: dict[str, str] = {}
    if isinstance(split, Published):
        rows, variant = published_rows(files, published=split)
        metadata |= _of_benchmark(split, variant=variant)
        released = split.benchmark.released_texts() if dataset.names == "as_released" else {}
    else:
        rows = [_row(**file) for file in files]
        _assign_splits(rows, dataset=dataset, class_lists=split)
    _assign_texts(rows, overrides={**released, **dataset.class_texts})
    schema = pa.schema([(name, pa.string()) for name in COLUMNS], metadata)
    clips = pa.Table.from_pylist(sorted(rows, key=lambda row: row["id"]), schema=schema)
    check_rejected(clips, limit=dataset.max_rejected, called="path")
    return clips


def clip_counts(manifest: pa.Table) -> dict[str, dict[str, int]]:
    """Usable clips: split -> class -> number. A class of which none can be used counts 0."""
    counts: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    columns = (manifest.column(name).to_pylist() for name in ("split", "class", "status"))
    for split, name, status in zip(*columns, strict=True):
        if split:
            counts[split][name] = counts[split].get(name, 0) + (status == "ok")
    return counts


def same_content(manifest: pa.Table) -> list[list[Row]]:
    """Usable clips that are probably one: groups of rows with the same content key."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in manifest.to_pylist():
        if row["status"] == "ok":
            groups[row["key"]].append(row)
    return [rows for rows in groups.values() if len(rows) > 1]


def _of_benchmark(split: Published, *, variant: Variant) -> dict[str, str]:
    published = json.dumps(split.benchmark.counts(variant), sort_keys=True)
    said = {"benchmark": split.name, "variant": variant.name, "says": variant.says}
    return said | {"published": published}


def _row(*, path: str, size: int, key: str, kind: str) -> Row:
    folder, in_a_folder, _ = path.partition("/")
    reason = unusable(path, size=size, key=key, kind=kind)
    return {
        "id": path,
        "path": path,
        "key": key,
        "class": folder if in_a_folder else "",
        "reason": reason,
    }


def _assign_splits(
    rows: list[Row], *, dataset: DatasetConfig, class_lists: ClassLists | None
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
