"""AUROC, false alarms and the promise, by hand; the lines that say them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from spm.episodes.evaluation import Measurement, OpenScores
from spm.episodes.threshold import Threshold
from spm.results.model_measurements import _fitting
from spm.results.unknown import COLUMNS, auroc, false_alarms, unknown_document, unknown_rows
from spm.results.unknown_words import promise, telling, unknown_lines
from tests import models
from tests.backgrounds import background

PROMISE = Threshold(
    value=2.0, false_alarms=0.1, recall=0.8, way=5, shot=1, own=0, own_known=0, own_recalled=0
)


def test_auroc_counts_pairs_and_half_of_equals() -> None:
    known, unknown = np.array([[1.0, 3.0]]), np.array([[0.0, 1.0, 2.0, 5.0]])
    pairs = [(k > u) + (k == u) / 2 for k in known.ravel() for u in unknown.ravel()]
    assert auroc(known, unknown) == pytest.approx(100 * np.mean(pairs))
    assert auroc(known, known) == 50
    assert auroc(known + 9, unknown) == 100


def test_false_alarms_are_those_above_what_95_percent_of_the_known_reach() -> None:
    known = np.arange(100.0)[None]
    unknown = np.array([[-1.0, 4.0, 4.9, 50.0]])
    assert false_alarms(known, unknown) == 75  # the threshold is 4: 96 of 100 reach it
    assert false_alarms(known, unknown[:, :1]) == 0


def scores() -> OpenScores:
    rng = np.random.default_rng(0)
    known = {"distance": rng.normal(size=(40, 5)), "background": 2 + rng.normal(size=(40, 5))}
    unknown = {name: rng.normal(size=(40, 3)) for name in known}
    actual = rng.integers(3, size=(40, 3))
    return OpenScores(known, unknown, actual, (actual + 1) % 3)


def test_the_document_has_each_score_with_intervals() -> None:
    found = unknown_document(scores(), PROMISE)
    assert (found["episodes"], found["queries"]) == (40, 3)
    for name, measured in found["scores"].items():
        low, high = measured["auroc_ci95"]
        assert low < measured["auroc"] < high, name
    assert found["scores"]["background"]["auroc"] > 85 > 60 > found["scores"]["distance"]["auroc"]


def test_the_promise_stands_beside_its_outcome() -> None:
    found = unknown_document(scores(), PROMISE)["promise"]
    assert found["promised"] == 10
    share = (scores().unknown["background"] >= 2).mean()
    assert found["false_alarms"] == pytest.approx(100 * share, abs=1e-3)
    assert found["recall"] == 100 * (scores().known["background"] >= 2).mean()
    low, high = found["false_alarms_ci95"]
    assert low <= found["false_alarms"] <= high
    assert "came out: " in promise(found)
    none = unknown_document(scores(), "so")["promise"]
    assert none == {"reason": "so"}
    assert promise(none) == "no promise of false alarms: so"


def test_the_interval_is_of_episodes() -> None:
    """Episodes that all say the same have none, however their queries differ."""
    classes = np.zeros((9, 2), np.int64)
    same = OpenScores(
        {"distance": np.tile([1.0, 5.0], (9, 1))},
        {"distance": np.tile([0.0, 2.0], (9, 1))},
        classes,
        classes,
    )
    measured = unknown_document(same, "so")["scores"]["distance"]
    assert measured["auroc_ci95"] == [75, 75]


def asked(actual: list[int], taken_for: list[int], background: list[float]) -> Measurement:
    """One episode with these unknown queries."""
    scores = OpenScores(
        {"background": np.zeros((1, 2))},
        {"background": np.array([background])},
        np.array([actual]),
        np.array([taken_for]),
    )
    nothing = np.zeros((1, 0), np.int64)
    return Measurement(["a", "b", "c"], nothing, {"model": nothing}, open_set=scores)


def rows_of(measurement: Measurement, promise: Threshold | str) -> list[tuple[Any, ...]]:
    """Those with queries."""
    rows = unknown_rows(measurement, promise)
    assert all(tuple(row) == COLUMNS for row in rows)
    return [tuple(row.values()) for row in rows if row["queries"]]


def test_unknown_queries_are_rejected_by_the_threshold_or_taken_for_a_class() -> None:
    measurement = asked([0, 0, 0, 2], [1, 1, 2, 1], [1.9, 2.0, 3.0, 0.0])
    assert rows_of(measurement, PROMISE) == [
        ("a", "", 1, 33.33),
        ("a", "b", 1, 33.33),
        ("a", "c", 1, 33.33),
        ("c", "", 1, 100.0),
    ]
    assert len(unknown_rows(measurement, PROMISE)) == 3 * 4


def test_without_a_promise_every_unknown_query_is_taken_for_a_class() -> None:
    measurement = asked([0, 0, 0, 2], [1, 1, 2, 1], [1.9, 2.0, 3.0, 0.0])
    found = rows_of(measurement, "too few")
    assert found == [("a", "b", 2, 66.67), ("a", "c", 1, 33.33), ("c", "b", 1, 100.0)]
    assert len(unknown_rows(measurement, "too few")) == 3 * 3


def test_where_none_were_asked_there_is_no_row() -> None:
    assert unknown_rows(replace(asked([0], [1], [0.0]), open_set=None), PROMISE) == []


def test_the_table_has_the_best_score_of_each_shot() -> None:
    found: dict[str, Any] = {"unknown": unknown_document(scores(), PROMISE)}
    first, second = unknown_lines({"shots": {"1": found, "5": {"unknown": None}}})
    assert first.startswith("none of the classes, 1-shot: AUROC 9")
    assert first.endswith("by distance against background classes")
    assert second.startswith("  promised by validation, 5-way 1-shot: 10 % false alarms; came out")
    assert telling(found["unknown"]["scores"]["background"]) in first


def test_open_episodes_of_large_maps_are_fewer_at_once() -> None:
    """An episode holds 5 supports and 16 background clips, of 8 frames of 16 channels each."""
    model = models.build().float()
    assert _fitting(model, supports=5) > 1000
    model.background = replace(background(), clips=torch.zeros(16, 8, 16))
    assert _fitting(model, supports=5) == int(1e9 / (4 * 21 * 8 * 16))
    assert _fitting(model, supports=10**9) == 1
