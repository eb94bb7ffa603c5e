"""The manifest: which clip belongs to which class and split, and which cannot be used and why.

One folder per class: the first folder of a path is the class; deeper folders do not count. A
benchmark's clips may lie in any folders (spm.dataset.published_clips). All columns are strings;
rows are sorted by id:

    id          the path; for a benchmark's clip class/name, wherever its file lies
    path        of the file, relative to the data set's folder; "" for a missing one
    key         content key of the inventory
    class       name of the folder, in composed Unicode; "" for a clip beside the class folders
    class_text  see spm.dataset.class_text
    split       train, val or test; "" where the file is in none
    status      ok; rejected; missing: a list names the clip, but there is no file;
                duplicate: a further file of a clip that has a file
    reason      why the status is not ok; "" for ok

The schema's metadata: `dataset`, the data set's name; for a benchmark also `benchmark`, `variant`
(see spm.dataset.benchmarks), `says` (the variant in words) and `published`, as JSON:
{split: {class: clips}}.
"""

import json
from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from spm.base.same_text import check_texts, warnings
from spm.config.dataset import DatasetConfig
from spm.dataset.asides import clips_of
from spm.dataset.benchmarks import Variant
from spm.dataset.class_text import class_texts
from spm.dataset.own_clips import ClassLists, own_rows
from spm.dataset.published_clips import Published, Row, published_rows
from spm.dataset.rejections import check_rejected
from spm.dataset.splits import SPLITS

COLUMNS = ("id", "path", "key", "class", "class_text", "split", "status", "reason")


def build(
    inventory: pa.Table, *, dataset: DatasetConfig, split: ClassLists | Published | None
) -> pa.Table:
    """The manifest of the clips in `inventory`, without asides.

    `split`: what `dataset.split` names; None if the split is drawn or that of the folders. Clips
    that no split asks for are listed as rejected. These clips, missing clips and duplicates do not
    count towards `dataset.max_rejected`.

    Raises ConfigError for an override of a class that does not exist and for a class in two splits;
    DataError for a folder without class folders, a class without clips, too few classes to draw
    from, classes of two splits with the same text, and too many unusable clips.
    """
    metadata = {"dataset": dataset.name}
    released: dict[str, str] = {}
    if isinstance(split, Published):
        rows, variant = published_rows(clips_of(inventory).to_pylist(), published=split)
        metadata |= _of_benchmark(split, variant=variant)
        released = split.benchmark.released_texts() if dataset.names == "as_released" else {}
    else:
        rows = own_rows(inventory, dataset=dataset, class_lists=split)
    _assign_texts(rows, overrides={**released, **dataset.class_texts})
    schema = pa.schema([(name, pa.string()) for name in COLUMNS], metadata)
    clips = pa.Table.from_pylist(sorted(rows, key=lambda row: row["id"]), schema=schema)
    check_rejected(clips, limit=dataset.max_rejected, called="path")
    return clips


def clip_counts(manifest: pa.Table) -> dict[str, dict[str, int]]:
    """Usable clips: split -> class -> number. A class without usable clips counts 0."""
    counts: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    columns = (manifest.column(name).to_pylist() for name in ("split", "class", "status"))
    for split, name, status in zip(*columns, strict=True):
        if split:
            counts[split][name] = counts[split].get(name, 0) + (status == "ok")
    return counts


def same_content(manifest: pa.Table) -> list[list[Row]]:
    """Groups of usable clips with the same content key: probably copies of one clip."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in manifest.to_pylist():
        if row["status"] == "ok":
            groups[row["key"]].append(row)
    return [rows for rows in groups.values() if len(rows) > 1]


def same_text(manifest: pa.Table) -> list[str]:
    """A warning for each group of classes of one split with the same text."""
    rows = manifest.filter(pc.not_equal(manifest["split"], ""))
    columns = (rows[name].to_pylist() for name in ("class", "class_text", "split"))
    classes = {name: (text, split) for name, text, split in zip(*columns, strict=True)}
    texts = {name: text for name, (text, _) in classes.items()}
    return warnings(texts, splits={name: split for name, (_, split) in classes.items()})


def _of_benchmark(split: Published, *, variant: Variant) -> dict[str, str]:
    published = json.dumps(split.benchmark.counts(variant), sort_keys=True)
    said = {"benchmark": split.name, "variant": variant.name, "says": variant.says}
    return said | {"published": published}


def _assign_texts(rows: list[Row], *, overrides: Mapping[str, str]) -> None:
    texts = class_texts({row["class"] for row in rows if row["class"]}, overrides=overrides)
    check_texts(texts, splits={row["class"]: row["split"] for row in rows if row["split"]})
    for row in rows:
        row["class_text"] = texts.get(row["class"], "")
