"""spm.dataset.coverage: usable clips against published ones."""

import json

import pyarrow as pa
import pytest

from spm.dataset.coverage import about, coverage, metrics

STATUSES = {"o": "ok", "r": "rejected", "m": "missing", "d": "duplicate"}


def clips(published=None, **classes):
    """`test_run="oor"`: split and class, and a letter for the status of each clip."""
    rows = [
        {"split": name.split("_")[0], "class": name.split("_")[1], "status": STATUSES[letter]}
        for name, letters in classes.items()
        for letter in letters
    ]
    said = {"benchmark": "toy", "variant": "v1", "says": "all", "published": json.dumps(published)}
    table = pa.Table.from_pylist(rows)
    return table.replace_schema_metadata(said) if published else table


def test_against_what_was_published():
    published = {"train": {"walk": 2}, "val": {}, "test": {"run": 5, "sit": 3}}
    found = coverage(clips(published, test_run="oordm", test_sit="mmm", train_walk="oo"))
    run = {"published": 5, "usable": 2, "missing": 2, "rejected": 1, "duplicates": 1, "share": 0.4}
    sit = {"published": 3, "usable": 0, "missing": 3, "rejected": 0, "duplicates": 0, "share": 0.0}
    both = {"published": 8, "usable": 2, "missing": 5, "rejected": 1, "duplicates": 1}
    line = "test clips: 2 of the published 8 (25.0 %)"
    classes = {"run": run, "sit": sit}
    assert found["test"] == both | {"share": 0.25, "classes": classes, "line": line}
    assert found["train"]["share"] == 1


def test_a_class_of_which_there_is_nothing_counts_as_published():
    found = coverage(clips({"test": {"run": 5, "sit": 3}}, test_run="ooooo"))
    assert found["test"]["classes"]["sit"]["missing"] == 3
    assert found["test"]["share"] == 0.625


def test_without_published_numbers_it_is_the_share_of_what_is_there():
    found = coverage(clips(test_run="ooor", test_sit="oooo"))
    assert found["test"]["published"] is None
    assert (found["test"]["usable"], found["test"]["missing"]) == (7, 0)
    assert found["test"]["share"] == 0.875
    assert found["test"]["line"] == "test clips: 7 of the 8 found (87.5 %)"
    assert found["val"] == {
        "published": None,
        "usable": 0,
        "missing": 0,
        "rejected": 0,
        "duplicates": 0,
        "share": 0.0,
        "classes": {},
        "line": "val clips: 0 of the 0 found (0.0 %)",
    }


def test_files_that_no_split_asks_for_are_not_in_it():
    table = pa.concat_tables([clips(test_run="oo"), clips(_other="rrr")])
    assert coverage(table)["test"]["share"] == 1
    assert set(coverage(table)) == {"train", "val", "test"}


def test_more_than_was_published_is_not_hidden():
    found = coverage(clips({"test": {"run": 2}}, test_run="ooo"))
    assert (found["test"]["missing"], found["test"]["share"]) == (0, 1.5)


def test_what_data_it_is():
    said = {"benchmark": "toy", "variant": "v1", "says": "all"}
    assert about(clips({"test": {"run": 2}}, test_run="oo")) == said | {"line": "toy, v1: all"}
    assert about(clips(test_run="oo")) == dict.fromkeys(said) | {"line": ""}


def test_numbers_to_track():
    found = metrics(coverage(clips(test_run="oord", train_walk="o")))
    assert found["test_share"] == pytest.approx(66.67, abs=0.01)
    assert (found["test_usable"], found["test_rejected"], found["test_duplicates"]) == (2, 1, 1)
    assert found["train_missing"] == 0
