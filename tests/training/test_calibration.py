"""Calibrating on validation episodes: which ones, of which answers, and where there are none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from spm.base.errors import DataError
from spm.base.yaml_file import read_yaml
from spm.config.train import TrainConfig
from spm.episodes.ranks import ALONE
from spm.frames.store import FrameStore
from spm.methods.base import EpisodeFeatures, Method
from spm.model.calibration import Calibration
from spm.model.model import FewShotModel, build_model
from spm.model.prompts import PromptFeatures
from spm.training import calibration
from spm.training.calibration import calibrate
from stages.shared import params
from tests import models
from tests.import_closure import ROOT
from tests.stores import make_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    return make_store(tmp_path_factory.mktemp("frames"), classes={"train": 2, "val": 4, "test": 5})


def run(model: FewShotModel, store: FrameStore, *, way: int = 3, **changes: Any) -> Calibration:
    values = read_yaml(ROOT / params.PARAMS)["train"] | {
        "validate_episodes": 8,
        "validate_query": 2,
    }
    classes = sorted(set(store.clips["class"].to_pylist()))
    features = np.random.default_rng(0).normal(size=(1, len(classes), 16)).astype(np.float32)
    return calibrate(
        model,
        store,
        PromptFeatures(features, classes, classes, False),
        TrainConfig(**values | changes),
        way=way,
        shot=1,
        how="mean",
        control="none",
        ranks=ALONE,
    )


class Odds(Method):
    """Answers label 0, 1, … in the order of the queries, but each third query's wrong, at odds of
    e^scale; inductively at others."""

    def __init__(self, *, together: float, each: float) -> None:
        super().__init__()
        self.together, self.each, self.transductive = together, each, True
        self.asked: list[torch.Size] = []

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        return self.together * self._answers(episode)

    def classify_each(self, episode: EpisodeFeatures) -> Tensor:
        self.asked.append(episode.query.shape)
        return self.each * self._answers(episode)

    def _answers(self, episode: EpisodeFeatures) -> Tensor:
        labels = torch.arange(episode.num_classes).repeat_interleave(4)
        labels[::4] += 1
        answers = torch.nn.functional.one_hot(labels % 2, 2).float()
        return answers.expand(len(episode.query), -1, -1)


def odds(**temperatures: float) -> FewShotModel:
    model = models.build().float()
    model.method = Odds(**temperatures)
    return model


def test_each_kind_of_answers_has_its_temperature_and_the_labels_are_the_queries(store) -> None:
    """3 of 4 are right: odds of 3."""
    found = run(odds(together=7.0, each=0.5), store, way=2, validate_query=4)
    assert found.classify.temperature == pytest.approx(7 / np.log(3))
    assert found.classify_each.temperature == pytest.approx(0.5 / np.log(3))
    assert found.classify.nll == pytest.approx(found.classify_each.nll)
    assert found.classify.nll < found.classify.nll_before
    assert (found.classify.way, found.classify.shot, found.classify.query) == (2, 1, 4)
    assert found.reason is None


def test_inductive_answers_of_a_transductive_method_are_asked_for_in_fewer_episodes(
    store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "EPISODES_OF_EACH", 3)
    model = odds(together=7.0, each=0.5)
    found = run(model, store, way=2, validate_query=4)
    assert (found.classify.episodes, found.classify_each.episodes) == (8, 3)
    assert sum(shape[0] for shape in model.method.asked) == 3
    few = run(model, store, way=2, validate_query=4, validate_episodes=2)
    assert (few.classify.episodes, few.classify_each.episodes) == (2, 2)


def test_a_method_that_is_not_transductive_has_one_temperature(store, monkeypatch) -> None:
    model = build_model(models.spec(method="otam"))
    monkeypatch.setattr(type(model.method), "classify_each", None)
    found = run(model, store)
    assert found.classify == found.classify_each
    assert found.classify.nll <= found.classify.nll_before


def test_it_is_the_same_each_time_and_leaves_the_weights_alone(store) -> None:
    model = build_model(models.spec())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = run(model.train(), store)
    assert run(model.train(), store) == first
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("way", "query", "reason"),
    [
        (5, 2, "the val split has 4 classes, but an episode takes 5 (episode.way)"),
        (3, 6, "an episode takes 7 clips of a class (shot 1 + query 6), but in the val split"),
    ],
)
def test_a_split_that_cannot_make_the_episodes_is_said_in_words(store, way, query, reason) -> None:
    found = run(build_model(models.spec()), store, way=way, validate_query=query)
    assert found.classify is found.classify_each is None
    assert found.reason.startswith(reason)
    assert "train.selection" not in found.reason
    assert found.in_words(transductive=True) == f"not calibrated, since {found.reason}"
    assert found.temperature(transductive=False) == 1


def test_without_a_validation_split_no_clip_is_encoded(tmp_path: Path, monkeypatch) -> None:
    there_is_none = make_store(tmp_path, classes={"train": 2, "test": 5})
    monkeypatch.setattr(calibration, "ValidationEpisodes", None)
    found = run(build_model(models.spec()), there_is_none)
    assert found.reason == "the val split has 0 classes, but an episode takes 3 (episode.way)"


@pytest.mark.parametrize(
    "logits", [{"together": 1.0, "each": float("nan")}, {"together": float("inf"), "each": 1.0}]
)
def test_logits_that_are_not_finite_are_refused(store, logits) -> None:
    with pytest.raises(DataError, match=r"the logits of .* are not finite"):
        run(odds(**logits), store, way=2, validate_query=4)
