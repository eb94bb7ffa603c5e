"""Scores on disk: whole parts are kept, what a kill left behind them is not."""

from pathlib import Path

import numpy as np
import pytest

from spm.base.errors import StorageError
from spm.finding.record import SCORES, Record
from spm.finding.scores import WindowScores
from tests.machines import disk

SEARCH = {"video": "abc", "rate": 5.0}


def part(number: int, *, rows: int = 3) -> WindowScores:
    rng = np.random.default_rng(number)
    windows = rng.integers(0, 100, size=(rows, 2))
    probabilities = rng.random((rows, 2))
    probabilities[: rows // 2] = np.nan
    return WindowScores(windows, rng.random(rows), probabilities)


def opened(folder: Path, **changes: object) -> Record:
    return Record(folder, search=SEARCH | changes, way=2)


def written(folder: Path, *, parts: int) -> Path:
    record = opened(folder)
    for number in range(parts):
        record.append(part(number, rows=number))  # the first one has none
    record.close()
    return folder / SCORES


def assert_holds(record: Record, *, parts: int) -> None:
    assert len(record.parts) == parts
    for number, found in enumerate(record.parts):
        for ours, expected in zip(found, part(number, rows=number), strict=True):
            np.testing.assert_array_equal(ours, expected)


def test_parts_are_read_again_with_their_bits(tmp_path: Path) -> None:
    written(tmp_path, parts=4)
    assert_holds(opened(tmp_path), parts=4)


@pytest.mark.parametrize("cut", [1, 40, 100])
def test_half_a_part_is_overwritten(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path, parts=4)
    path.write_bytes(path.read_bytes()[:-cut])
    record = opened(tmp_path)
    assert_holds(record, parts=3)
    record.append(part(3, rows=3))
    record.close()
    assert_holds(opened(tmp_path), parts=4)


def test_zeros_behind_the_parts_are_no_part(tmp_path: Path) -> None:
    path = written(tmp_path, parts=3)
    path.write_bytes(path.read_bytes() + bytes(200))
    assert_holds(opened(tmp_path), parts=3)


def test_another_search_begins_anew(tmp_path: Path) -> None:
    written(tmp_path, parts=3)
    assert opened(tmp_path, rate=6.0).parts == []
    assert opened(tmp_path).parts == []


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with disk(tmp_path / "small", options="size=64k") as small:
        record = opened(small)
        with pytest.raises(StorageError, match="small"):
            fill(record)


def fill(record: Record) -> None:
    for number in range(100):
        record.append(part(number, rows=400))
