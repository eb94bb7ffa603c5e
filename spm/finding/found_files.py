"""Writes what was found: segments.csv for a table, find.json with all that belongs to it."""

import csv
import json
from pathlib import Path
from typing import Any

from spm.base.atomic import atomic_path
from spm.base.printable import printable
from spm.finding.find import Found
from spm.recognition.recognizer import Recognizer

SEGMENTS, DOCUMENT = "segments.csv", "find.json"
_COLUMNS = ("start", "end", "class", "probability", "score")


def write_found(found: Found, folder: Path, *, recognizer: Recognizer) -> None:
    """Both files; each complete or not at all. Times in seconds from the video's first frame."""
    rows = [_row(*each) for each in found.segments]
    with atomic_path(folder / SEGMENTS) as path, open(path, "w", encoding="utf-8") as file:
        table = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    with atomic_path(folder / DOCUMENT) as path:
        text = json.dumps(_document(found, rows, recognizer), indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")


def _row(start: float, end: float, name: str, probability: float, score: float) -> dict[str, Any]:
    numbers = round(start, 3), round(end, 3), name, round(probability, 4), round(score, 4)
    return dict(zip(_COLUMNS, numbers, strict=True))


def _document(
    found: Found, rows: list[dict[str, Any]], recognizer: Recognizer
) -> dict[str, object]:
    threshold = recognizer.threshold
    return {
        "video": printable(found.video),
        "seconds": round(found.searched.seconds, 3),
        "whole": found.searched.is_whole,
        "damage": [each._asdict() for each in found.searched.damage],
        "rate": found.rate,
        "lengths": found.lengths,
        "classes": [*recognizer.classes],
        "threshold": None if threshold is None else threshold.model_dump(),
        "model": recognizer.model.config.model.full_title,
        "segments": rows,
    }
