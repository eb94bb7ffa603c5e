"""The integrity report of data/frames: what the stage `frames` found out about the clips."""

from pathlib import Path
from typing import Any

from spm.base.made_files import made_by, read_json

INTEGRITY = "integrity.json"


def measured_on(folder: Path) -> dict[str, Any]:
    """The data that an accuracy was measured on, from the report in `folder`.

    `benchmark`, `variant`, `says`, and `line`, the three in words ("" for data sets that are no
    benchmark); `splits`: split -> the numbers of its clips, and `line`, these in words. Raises
    DataError if the report is missing or damaged.
    """
    path = folder / INTEGRITY
    report = read_json(path, stage="frames")
    with made_by("frames", path):
        splits = {split: _without_classes(counts) for split, counts in report["coverage"].items()}
        return {**report["data"], "splits": splits}


def _without_classes(counts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in counts.items() if name != "classes"}
