"""What lies in a data set's folder beside its clips: rows of the inventory of the kind `aside`.

run/0.info.json   a file that is no clip by its name
run/@eaDir/       a folder of a file system or an archive
docs/             a class folder that has no clips; its files have rows of their own
"""

from collections import Counter, defaultdict
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from spm.clip_files import extension, is_machinery
from spm.names import composed


def clips_of(table: pa.Table) -> pa.Table:
    """The rows of an inventory less what lies beside the clips."""
    return table.filter(pc.not_equal(table["kind"], "aside"))


def asides_of(table: pa.Table) -> list[str]:
    """The paths of what lies beside the clips."""
    paths: list[str] = table.filter(pc.equal(table["kind"], "aside"))["path"].to_pylist()
    return paths


def summary(paths: Collection[str]) -> str:
    """What they are, the most frequent first; class folders without clips are left out.

    >>> summary(["run/0.info.json", "run/1.info.json", "run/Thumbs.db", "run/@eaDir/", "docs/"])
    '2 .json, 1 .db, 1 @eaDir'
    """
    counts = Counter(filter(None, map(_what, paths)))
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{number} {what}" for what, number in ordered)


def without_clips(paths: Collection[str]) -> dict[str, str]:
    """Class folder that has no clips -> what it holds instead."""
    inside: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        inside[path.partition("/")[0]].append(path)
    folders = [path.rstrip("/") for path in paths if _is_class_folder(path)]
    return {composed(folder): summary(inside[folder]) or "nothing" for folder in folders}


def _what(path: str) -> str:
    if path.endswith("/"):
        return "" if _is_class_folder(path) else path.rstrip("/").rpartition("/")[2]
    found = extension(path)
    return f".{found}" if found else "without extension"


def _is_class_folder(path: str) -> bool:
    return path.find("/") == len(path) - 1 and not is_machinery(path.rstrip("/"))
