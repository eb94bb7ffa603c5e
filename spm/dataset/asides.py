"""Asides: files and folders of a data set that are not clips (inventory rows of the kind `aside`).

run/0.info.json   a file that is not a clip by its name
run/@eaDir/       a folder of a file system or an archive
docs/             a class folder without clips; its files have rows of their own
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from spm.dataset.names import composed
from spm.video.clip_files import extension, is_machinery


def clips_of(table: pa.Table) -> pa.Table:
    """The rows of an inventory without the asides."""
    return table.filter(pc.not_equal(table["kind"], "aside"))


def asides_of(table: pa.Table) -> list[str]:
    """The paths of the asides."""
    paths: list[str] = table.filter(pc.equal(table["kind"], "aside"))["path"].to_pylist()
    return paths


def summary(paths: Iterable[str]) -> str:
    """Kinds of the asides at `paths`, the most frequent first; class folders are left out.

    >>> summary(["run/0.info.json", "run/1.info.json", "run/Thumbs.db", "run/@eaDir/", "docs/"])
    '2 .json, 1 .db, 1 @eaDir'
    """
    counts = Counter(filter(None, map(_what, paths)))
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{number} {what}" for what, number in ordered)


def class_folder(path: str, *, level: int) -> str:
    """The class folder that `path` lies in or is; "" for a path outside the class folders.

    `level`: the depth of class folders, 0, or 1 with dataset.split: folders.

    >>> class_folder("train/run/monday/a.mp4", level=1)
    'train/run'
    """
    folders = path.split("/")[:-1]
    return "/".join(folders[: level + 1]) if len(folders) > level else ""


def without_clips(paths: Iterable[str], *, clips: Iterable[str], level: int = 0) -> dict[str, str]:
    """Class folder without clips -> summary of its asides. `paths`: all asides; `clips`: clips."""
    with_clips = {class_folder(path, level=level) for path in clips}
    held: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folder = class_folder(path, level=level)
        if folder not in with_clips and folder and not is_machinery(_last(folder)):
            held[folder].append(path)
    return {composed(folder): summary(inside) or "nothing" for folder, inside in held.items()}


def _what(path: str) -> str:
    if path.endswith("/"):
        return _last(path) if is_machinery(_last(path)) else ""
    found = extension(path)
    return f".{found}" if found else "without extension"


def _last(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2]
