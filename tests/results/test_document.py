"""What the evaluation writes down."""

from typing import Any

import numpy as np
import pytest

from spm.episodes.evaluation import Measurement
from spm.model.calibration import NOT_CALIBRATED
from spm.results.accuracy_table import KEYS
from spm.results.document import (
    Conditions,
    class_rows,
    confusion_rows,
    document,
    episode_table,
    headline,
)
from tests import models

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
        "start": "the weights openai of ViT-B-16-quickgelu",
        "way": 5,
        "query": 4,
        "episodes": 2,
        "method": "clip_spm",
        "title": "CLIP-SPM",
        "protocol": "transductive: so and so",
        "transductive": True,
        "selection": "validation",
        "text": "untrained",
        "text_control": "none",
        "calibration": NOT_CALIBRATED,
        "promises": {1: "so", 5: "so"},
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


def with_controls() -> Measurement:
    """In percent: the model 75 and 25, with zero text 50 and 100, with permuted texts 100."""
    measured = measurement()
    measured.predicted["text_zero"] = np.array([[0, 1, 1, 0], [2, 2, 0, 0]])
    measured.predicted["text_mean"] = measured.predicted["model"]
    measured.predicted["text_permuted"] = ACTUAL
    return measured


def test_other_texts_at_test_are_paired_with_the_models_own_episodes() -> None:
    results = document({1: with_controls()}, conditions=conditions())
    controls = results["text_controls"]
    assert controls == results["shots"]["1"]["text_controls"]
    # differences -25 and +75: mean 25, std 70.7107, 1.96 · 70.7107 / √2 = 98
    assert controls["zero"] == {
        "accuracy": 75.0,
        "ci95": 49.0,
        "difference": 25.0,
        "difference_ci95": 98.0,
    }
    assert controls["mean"]["difference"] == controls["mean"]["difference_ci95"] == 0
    assert str(controls["mean"]["difference"]) == "0.0"
    assert controls["permuted"]["difference"] == 50
    assert controls["episodes"] == 2
    assert set(results["baselines"]) == {"mean_pooled_cosine"}
    assert headline(results)["text"] == -25


def test_a_control_over_the_first_episodes_is_compared_with_the_model_in_those() -> None:
    rng = np.random.default_rng(0)
    actual = rng.integers(0, 4, size=(5, 4))
    right, chance = actual.copy(), rng.integers(0, 4, size=(5, 4))
    predicted = {"model": np.concatenate([chance[:3], right[3:]])}
    predicted |= {f"text_{name}": right[:3] for name in ("zero", "mean", "permuted")}
    measured = Measurement(NAMES, actual, predicted)
    controls = document({1: measured}, conditions=conditions())["text_controls"]
    expected = 100 - 100 * (actual == chance)[:3].mean()
    assert controls["zero"]["difference"] == pytest.approx(expected, abs=1e-4)
    assert controls["episodes"] == 3
    column = episode_table({1: measured})["text_permuted"]
    assert column.to_pylist() == [100, 100, 100, None, None]


def test_a_model_without_controls_has_none() -> None:
    results = document({1: measurement()}, conditions=conditions(text_control="zero"))
    assert results["text_controls"] is None
    assert results["text_control"] == "zero"
    assert "text" not in headline(results)


CALIBRATED = models.calibrated(classify=0.5, classify_each=2.0)


def with_logits() -> Measurement:
    """Each answer has a confidence of 3/4 at T = 1; of the model's 4 of 8 are right, of the
    inductive ones 6."""
    measured = measurement()
    logits = np.log(np.tile(np.float32([0.75, 0.25]), (2, 4, 1)))
    measured.predicted["inductive"] = np.array([[0, 0, 1, 1], [2, 2, 1, 1]])
    measured.logits.update({"model": logits, "inductive": logits})
    return measured


def test_confidence_is_compared_with_accuracy_before_and_after_calibration() -> None:
    results = document({1: with_logits()}, conditions=conditions(calibration=CALIBRATED))
    found = results["confidence"]
    assert found == results["shots"]["1"]["confidence"]
    together, each = found["model"], found["inductive"]
    assert together["temperature"] == 0.5
    assert together["before"]["ece"] == 25
    assert together["after"]["ece"] == pytest.approx(90 - 50, abs=1e-4)  # 9 : 1 at T = 1/2
    assert each["temperature"] == 2.0
    assert each["before"]["ece"] == 0
    assert each["after"]["ece"] == pytest.approx(75 - 100 * 3**0.5 / (1 + 3**0.5), abs=1e-4)
    assert sum(together["after"]["bins"]["answers"]) == 8
    assert sum(each["after"]["bins"]["answers"]) == 8
    assert together["calibration"].startswith("calibrated on 9 validation episodes")
    assert headline(results)["ece"] == together["after"]["ece"]


def test_the_confidence_of_a_model_that_is_not_calibrated_is_as_it_is() -> None:
    reason = NOT_CALIBRATED.model_copy(update={"reason": "so"})
    results = document({1: with_logits()}, conditions=conditions(calibration=reason))
    found = results["confidence"]["model"]
    assert found["before"] == found["after"]
    assert found["temperature"] is None
    assert found["calibration"] == "not calibrated, since so"


def test_without_logits_there_is_no_confidence() -> None:
    results = document({1: measurement()}, conditions=conditions())
    assert results["confidence"] is None
    assert "ece" not in headline(results)


def test_no_list_of_evaluate_json_is_one_that_dvc_would_draw() -> None:
    """It draws lists of mappings, of any file that it lists as a plot."""
    results = document({1: with_logits()}, conditions=conditions(calibration=CALIBRATED))
    lists = [found for found in _values(results) if isinstance(found, list)]
    assert lists
    assert all(found and not any(isinstance(each, dict) for each in found) for found in lists)


def _values(value: Any) -> list[Any]:
    below = value.values() if isinstance(value, dict) else []
    return [value, *(found for each in below for found in _values(each))]


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
