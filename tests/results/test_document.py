"""What the evaluation writes down."""

from typing import Any

import numpy as np

from spm.episodes.evaluation import Measurement
from spm.results.accuracy_table import KEYS
from spm.results.document import (
    Conditions,
    class_rows,
    confusion_rows,
    document,
    episode_table,
)

ACTUAL = np.array([[0, 0, 1, 1], [2, 2, 0, 0]])
NAMES = ["a", "b", "c", "d"]


def measurement() -> Measurement:
    predicted = {
        "model": np.array([[0, 1, 1, 1], [0, 0, 0, 2]]),
        "mean_pooled_cosine": np.zeros_like(ACTUAL),
    }
    return Measurement(NAMES, ACTUAL, predicted)


def conditions(**changes: Any) -> Conditions:
    values: dict[str, Any] = {
        "dataset": "mine",
        "coverage": {"benchmark": "ssv2_small", "splits": {}},
        "backbone": "ViT-B-16-quickgelu",
        "way": 5,
        "query": 4,
        "episodes": 2,
        "method": "clip_spm",
        "title": "CLIP-SPM",
        "protocol": "transductive: so and so",
        "transductive": True,
        "selection": "validation",
        "text": "untrained",
        "hashes": {"data": "d", "model": "m", "parameters": "p"},
    }
    return Conditions(**values | changes)


def test_the_first_shot_is_the_headline() -> None:
    results = document({5: measurement(), 1: measurement()}, conditions=conditions())
    assert (results["shot"], results["way"], results["query"]) == (5, 5, 4)
    assert results["accuracy"] == results["shots"]["5"]["accuracy"] == 50
    assert results["paper"] == 66.2
    assert results["shots"]["1"]["paper"] == 57.8
    assert list(results["shots"]) == ["5", "1"]
    assert results["baselines"]["mean_pooled_cosine"]["accuracy"] == 50
    assert results["inductive"] is None
    assert results["text"] == "untrained"
    assert results["hashes"] == {"data": "d", "model": "m", "parameters": "p"}


def test_it_holds_all_that_the_table_shows() -> None:
    results = document({1: measurement()}, conditions=conditions())
    assert results.keys() >= KEYS
    assert (results["title"], results["transductive"]) == ("CLIP-SPM", True)


def test_the_inductive_protocol_is_no_baseline() -> None:
    measured = measurement()
    measured.predicted["inductive"] = ACTUAL
    results = document({1: measured}, conditions=conditions(selection="test"))
    assert results["inductive"] == {"accuracy": 100.0, "ci95": 0.0, "episodes": 2}
    assert results["shots"]["1"]["inductive"] == results["inductive"]
    assert set(results["baselines"]) == {"mean_pooled_cosine"}
    assert results["selection"] == "test"
    assert episode_table({1: measured})["inductive"].to_pylist() == [100, 100]


def test_episode_table_has_a_row_for_each_shot_and_episode() -> None:
    table = episode_table({1: measurement(), 5: measurement()})
    assert table["shot"].to_pylist() == [1, 1, 5, 5]
    assert table["episode"].to_pylist() == [0, 1, 0, 1]
    assert table["accuracy"].to_pylist() == [75, 25, 75, 25]
    assert table["mean_pooled_cosine"].to_pylist() == [50, 50, 50, 50]


def test_class_rows_carry_text_and_count() -> None:
    rows = class_rows({1: measurement()}, texts={name: name.upper() for name in NAMES})
    assert rows[0] == {"shot": 1, "class": "a", "text": "A", "accuracy": 50.0, "queries": 4}
    assert rows[3]["accuracy"] == ""


def test_confusion_rows_are_the_whole_matrix_in_percent_of_the_actual_class() -> None:
    rows = confusion_rows(measurement())
    assert len(rows) == 16
    assert rows[1] == {"actual": "a", "predicted": "b", "queries": 1, "percent": 25.0}
    assert sum(row["queries"] for row in rows) == ACTUAL.size
