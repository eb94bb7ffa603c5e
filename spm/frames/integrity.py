"""The integrity report of data/frames: what the stage `frames` found out about the clips."""

import json
from pathlib import Path
from typing import Any

from spm.base.errors import DataError

INTEGRITY = "integrity.json"


def measured_on(folder: Path) -> dict[str, Any]:
    """What is to be said beside an accuracy, as the report in `folder` has it.

    `benchmark`, `variant`, `says`, and `line`, these in words ("" for another data set); `splits`:
    split -> how many clips of it were usable, and `line`, that in words. Raises DataError where
    there is no report.
    """
    path = folder / INTEGRITY
    if not path.is_file():
        raise DataError(f"{path} is missing: build it with dvc repro frames")
    report = json.loads(path.read_text(encoding="utf-8"))
    splits = {split: _without_classes(counts) for split, counts in report["coverage"].items()}
    return {**report["data"], "splits": splits}


def _without_classes(counts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in counts.items() if name != "classes"}
