"""The scores of a search on disk, part by part, so that a killed search goes on where it was.

search.json     what is searched, with what: another search does not go on from these scores
scores.npy      an array for each part, one after the other
"""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from spm.base.atomic import atomic_path
from spm.base.unwritable import writing
from spm.finding.scores import WindowScores

SEARCH, SCORES = "search.json", "scores.npy"


class Record:
    """The parts that are done, in their order."""

    def __init__(self, folder: Path, *, search: Mapping[str, Any], way: int) -> None:
        """Opens the folder; `parts` are those of the same `search`, if it holds any. way: N.

        Raises StorageError for a folder that cannot be written.
        """
        self._folder, self._way = folder, way
        wanted = json.dumps(search, indent=2, ensure_ascii=False) + "\n"
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if _read_text(folder / SEARCH) != wanted:
                (folder / SCORES).unlink(missing_ok=True)
                with atomic_path(folder / SEARCH) as path:
                    path.write_text(wanted, encoding="utf-8")
            self._file: IO[bytes] = open(folder / SCORES, "a+b")  # noqa: SIM115
        self._file.seek(0)
        self.parts = self._read()

    def append(self, part: WindowScores) -> None:
        """Adds a part. Raises StorageError for a full disk."""
        rows = np.column_stack([part.windows, part.score, part.probabilities])
        content = io.BytesIO()  # NumPy's own writing to a file says of a full disk only "written"
        np.save(content, rows)
        with writing(self._folder):
            self._file.write(content.getvalue())
            self._file.flush()
        self.parts.append(part)

    def clear(self) -> None:
        """Forgets all parts."""
        self._file.seek(0)
        self._file.truncate()
        self.parts.clear()

    def close(self) -> None:
        """Raises StorageError for a full disk, which a part that did not fit meets again."""
        with writing(self._folder):
            self._file.close()

    def _read(self) -> list[WindowScores]:
        """The whole parts. What a kill left behind them is overwritten."""
        parts: list[WindowScores] = []
        while True:
            begin = self._file.tell()
            try:
                rows = np.load(self._file, allow_pickle=False)
                if rows.ndim != 2 or rows.shape[1] != 3 + self._way:
                    raise ValueError(f"a part of shape {rows.shape}")
            except (EOFError, ValueError):  # the end, or the beginning of a part
                self._file.seek(begin)
                self._file.truncate()
                return parts
            parts.append(WindowScores(rows[:, :2].astype(np.int64), rows[:, 2], rows[:, 3:]))


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
