"""AUROC, false alarms and the promise, by hand; the lines that say them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from spm.episodes.evaluation import OpenScores
from spm.episodes.threshold import Threshold
from spm.results.model_measurements import _fitting
from spm.results.unknown import auroc, false_alarms, unknown_document
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
    return OpenScores(known, unknown)


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
    same = OpenScores(
        {"distance": np.tile([1.0, 5.0], (9, 1))}, {"distance": np.tile([0.0, 2.0], (9, 1))}
    )
    measured = unknown_document(same, "so")["scores"]["distance"]
    assert measured["auroc_ci95"] == [75, 75]


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
