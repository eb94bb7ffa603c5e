"""spm.frames.integrity: what an accuracy was measured on is what the stage `frames` has stored."""

import json
from pathlib import Path

import pytest

from spm.base.errors import DataError
from spm.frames.integrity import INTEGRITY, measured_on

DATA = {"benchmark": "toy", "variant": "v1", "says": "all", "line": "toy, v1: all"}
TEST = {"published": 2, "usable": 1, "line": "test clips: 1 of the published 2 (50.0 %)"}


def test_it_is_what_stands_there_without_the_classes(tmp_path: Path) -> None:
    coverage = {"test": TEST | {"classes": {"run": {"usable": 1}}}}
    report = {"clips": 2, "data": DATA, "coverage": coverage}
    (tmp_path / INTEGRITY).write_text(json.dumps(report))
    assert measured_on(tmp_path) == {**DATA, "splits": {"test": TEST}}


def test_without_a_report_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"integrity\.json is missing: .* dvc repro frames"):
        measured_on(tmp_path)
