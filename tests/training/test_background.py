"""What a trained model keeps: a clip of each training class, validation clips, and their texts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from spm.episodes.evaluation import encode_clips
from spm.episodes.ranks import ALONE
from spm.frames.store import FrameStore
from spm.model.background import Background
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures
from spm.training import background
from spm.training.background import make_background
from tests import models
from tests.stores import make_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    return make_store(tmp_path_factory.mktemp("frames"), classes={"train": 3, "val": 2, "test": 2})


@pytest.fixture(scope="module")
def model() -> FewShotModel:
    return models.build().float()


def texts(store: FrameStore) -> PromptFeatures:
    classes = sorted(set(store.clips["class"].to_pylist()))
    features = np.arange(len(classes), dtype=np.float32)[None, :, None].repeat(16, axis=2)
    return PromptFeatures(features, classes, classes, False)


def make(model: FewShotModel, store: FrameStore) -> Background:
    found = make_background(model, store, texts(store), ranks=ALONE)
    assert found is not None
    return found


def test_it_is_of_training_and_validation_classes(model: FewShotModel, store: FrameStore) -> None:
    made, prompts = make(model, store), texts(store)
    training, validation = store.classes("train"), store.classes("val")
    first = [training[name].min() for name in sorted(training)]
    encoded = encode_clips(model, store, clips=np.array(first), progress=False)
    expected = encoded.features[encoded.rows(np.array(first))]
    torch.testing.assert_close(made.clips, expected, rtol=1e-3, atol=1e-3)
    assert made.texts[:, 0].tolist() == [prompts.classes.index(name) for name in sorted(training)]
    counts = [len(validation[name]) for name in sorted(validation)]
    assert made.labels.tolist() == [n for n, count in enumerate(counts) for _ in range(count)]
    assert len(made.validation) == sum(counts)


def test_no_test_clip_is_in_it(
    model: FewShotModel, store: FrameStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def spy(model, store, *, clips, **options):
        asked.extend(clips)
        return encode_clips(model, store, clips=clips, **options)

    monkeypatch.setattr(background, "encode_clips", spy)
    make(model, store)
    test = {clip for clips in store.classes("test").values() for clip in clips}
    assert asked
    assert not test & set(asked)


def test_it_stays_small(
    model: FewShotModel, store: FrameStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_MOST_BYTES", 0)
    monkeypatch.setattr(background, "_MOST_CLASSES", 2)
    made = make(model, store)
    assert len(made.clips) == 2
    assert made.labels.bincount().tolist() == [2, 2]


def test_a_data_set_without_validation_clips_has_none(model: FewShotModel, tmp_path: Path) -> None:
    store = make_store(tmp_path, classes={"train": 3, "test": 2})
    assert make_background(model, store, texts(store), ranks=ALONE) is None
