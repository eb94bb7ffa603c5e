"""Which files of a folder are clips of which class, in a data set of the user's own.

class/…/clip.mp4          with lists of classes, or a drawn split
train/class/…/clip.mp4    with dataset.split: folders
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from spm.base.errors import DataError
from spm.config.dataset import FOLDERS, DatasetConfig, DrawnSplit
from spm.dataset.asides import asides_of, clips_of, without_clips
from spm.dataset.folder_layout import Layout, look, split_of
from spm.dataset.names import composed
from spm.dataset.published_clips import Row
from spm.dataset.splits import SPLITS, draw_splits, splits_of_folders, splits_of_lists
from spm.video.clip_files import File, unusable

NO_SPLIT = "class is in no split"
NO_CLASS = "not in a class folder"

ClassLists = Mapping[str, Sequence[str]]
"""Split -> classes."""


def own_rows(
    inventory: pa.Table, *, dataset: DatasetConfig, class_lists: ClassLists | None
) -> list[Row]:
    """The manifest's rows, without the class texts.

    `class_lists`: the lists in the file that `dataset.split` names. Raises DataError if the folder
    has another layout, and the errors of spm.dataset.splits.
    """
    files = clips_of(inventory).to_pylist()
    level = 1 if dataset.split == FOLDERS else 0
    classes = {folder: _class_of(folder, level=level) for folder in set(map(_folder_of, files))}
    rows = [_row(**file, class_name=classes[_folder_of(file)]) for file in files]
    if dataset.split == FOLDERS:
        splits = _splits_of_folders(rows, name=dataset.name)
    else:
        bare = without_clips(asides_of(inventory), clips=[file["path"] for file in files])
        splits = _splits_of_classes(rows, dataset=dataset, class_lists=class_lists, bare=bare)
    for row in rows:
        row["split"] = splits.get(row["class"], "")
        if not row["split"]:
            row["reason"] = NO_SPLIT if row["class"] else _not_in_a_class(row, dataset=dataset)
        row["status"] = "rejected" if row["reason"] else "ok"
    return rows


def _folder_of(file: File) -> str:
    folder: str = file["path"].rpartition("/")[0]
    return folder


def _class_of(folder: str, *, level: int) -> str:
    """The class of clips in `folder`: its part at `level`, at 1 below a split's folder; "" without
    one."""
    names = composed(folder).split("/")
    if len(names) <= level or (level == 1 and not split_of(names[0])):
        return ""
    return names[level]


def _not_in_a_class(row: Row, *, dataset: DatasetConfig) -> str:
    """The reason to reject a clip that lies outside the class folders."""
    top, in_a_folder, _ = row["path"].partition("/")
    if dataset.split == FOLDERS and in_a_folder and not split_of(top):
        return f"in {top!r}, which is none of {', '.join(SPLITS)}"
    return NO_CLASS


def _row(*, path: str, size: int, key: str, kind: str, class_name: str) -> Row:
    reason = unusable(path, size=size, key=key, kind=kind)
    return {"id": path, "path": path, "key": key, "class": class_name, "reason": reason}


def _splits_of_folders(rows: list[Row], *, name: str) -> dict[str, str]:
    found = [(row["class"], split_of(row["path"].split("/")[0])) for row in rows if row["class"]]
    if found:
        return splits_of_folders(found)
    layout = look([row["path"] for row in rows])
    if layout:
        raise DataError(_wrong(layout, name=name))
    raise DataError(
        "dataset.split: folders takes folders train, val and test with class folders in them, but "
        f"the folder of data set {name!r} has none: let dataset.split draw classes ({{seed: 0, "
        "train: 30, val: 6, test: 12}) or name a file that lists them"
    )


def _splits_of_classes(
    rows: list[Row],
    *,
    dataset: DatasetConfig,
    class_lists: ClassLists | None,
    bare: Mapping[str, str],
) -> dict[str, str]:
    present = {row["class"] for row in rows if row["class"]}
    drawn = isinstance(dataset.split, DrawnSplit)
    layout = look([row["path"] for row in rows])
    if layout and (drawn or not present & _listed(class_lists)):
        raise DataError(_wrong(layout, name=dataset.name))
    if isinstance(dataset.split, DrawnSplit):
        usable = {row["class"] for row in rows if row["class"] and not row["reason"]}
        return draw_splits(usable, how=dataset.split)
    assert class_lists is not None, "dataset.split names a file: give its class lists"
    return splits_of_lists(class_lists, present=present, bare=bare)


def _listed(class_lists: ClassLists | None) -> set[str]:
    return {composed(name) for names in (class_lists or {}).values() for name in names}


def _wrong(layout: Layout, *, name: str) -> str:
    remedy = {
        "splits": "to take them as the splits, set dataset.split: folders; or put all class "
        "folders side by side",
        "splits without classes": "put the clips of each class into a folder of its name",
        "wrapped": f"set dataset.name: {name}/{layout.inside}",
        "loose": "put the clips of each class into a folder of its name",
    }[layout.kind]
    return (
        f"the folder of data set {name!r} holds {layout.says}, where the class folders should be: "
        f"{remedy}"
    )
