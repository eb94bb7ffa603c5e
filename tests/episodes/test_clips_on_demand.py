"""Clips that do not fit in memory: the same logits, and a clip encoded again for each batch."""

import numpy as np
import pytest
import torch

from spm.episodes import clips_on_demand
from spm.episodes.clips_on_demand import bytes_of_a_clip, encode_within, prepare
from spm.episodes.evaluation import Measurement, encode_clips, measure
from spm.episodes.sampler import EpisodeSampler
from spm.frames.store import FrameStore
from spm.model.model import FewShotModel
from spm.training import validation
from tests import models
from tests.models import build
from tests.stores import T, make_store
from tests.training.test_calibration import run as calibrated

EPISODES, BATCH, C = 7, 3, 16


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    return make_store(tmp_path_factory.mktemp("frames"), classes={"val": 4, "test": 5})


def measured(model: FewShotModel, store: FrameStore, *, max_cache_mb: int | None) -> Measurement:
    classes = store.classes("test")
    clips = np.concatenate(list(classes.values()))
    texts = torch.randn(len(classes), C, generator=torch.Generator().manual_seed(0)).double()
    found = encode_within(model, store, clips=clips, max_cache_mb=max_cache_mb, progress=False)
    return measure(
        {"model": model.method.classify},
        encoded=prepare(model, found, classes=classes, class_text=texts),
        sampler=EpisodeSampler(classes, way=3, shot=2, query=2, seed=0, split="test"),
        class_text=texts,
        episodes=EPISODES,
        batch=BATCH,
        keep_logits=("model",),
        progress=False,
    )


@pytest.mark.parametrize("method", ["clip_spm", "otam", "ta2n", "molo"])
def test_a_tiny_limit_gives_the_same_logits(
    method: str, store: FrameStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(method=method, **({"heads": 2} if method == "molo" else {}))
    encoded: list[int] = []

    def recorded(*args, clips: np.ndarray, **options):
        encoded.append(len(np.unique(clips)))
        return encode_clips(*args, clips=clips, **options)

    monkeypatch.setattr(clips_on_demand, "encode_clips", recorded)
    kept = measured(model, store, max_cache_mb=None)
    assert (encoded, kept.encoded_once) == ([30], True)
    encoded.clear()
    again = measured(model, store, max_cache_mb=0)
    assert len(encoded) == 3, "a table for each batch of 3, 3 and 1 episodes"
    assert encoded[-1] == 3 * (2 + 2), "the clips of the batch alone"
    assert not again.encoded_once
    np.testing.assert_allclose(again.logits["model"], kept.logits["model"], rtol=0, atol=1e-6)
    assert np.ptp(kept.logits["model"]) > 1e-3


def test_the_limit_counts_features_and_what_is_prepared(store: FrameStore) -> None:
    features = 8 * T * C
    assert bytes_of_a_clip(build(method="otam"), num_frames=T) == features
    assert bytes_of_a_clip(build(), num_frames=T) == 3 * features
    assert bytes_of_a_clip(build(method="cmn_embedding"), num_frames=T) == features + 8 * C
    clips = np.arange(30)
    model = models.build(method="otam")
    needed = 30 * features / 2**20
    assert 0 < needed < 1
    assert encode_within(model, store, clips=clips, max_cache_mb=1, progress=False).once
    assert not encode_within(model, store, clips=clips, max_cache_mb=0, progress=False).once


def test_validation_and_calibration_keep_to_their_limit(
    store: FrameStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build().float()
    kept = calibrated(model, store)
    monkeypatch.setattr(validation, "_MAX_CACHE_MB", 0)
    again = calibrated(model, store)
    assert kept.classify is not None
    assert again.classify is not None
    assert again.classify.temperature == pytest.approx(kept.classify.temperature, rel=1e-3)
    assert again.classify.nll == pytest.approx(kept.classify.nll, abs=1e-4)
