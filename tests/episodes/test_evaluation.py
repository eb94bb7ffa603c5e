"""Measuring on features: which clips, which classes, how many, in whatever batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from spm import methods
from spm.base.errors import DataError
from spm.episodes.evaluation import (
    Classifier,
    EncodedClips,
    encode_clips,
    measure,
    on_vectors,
    prepare_clips,
)
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.scores import episode_accuracies
from spm.episodes.training_data import read_clips
from spm.methods.base import EpisodeFeatures
from tests import models
from tests.methods.small import small
from tests.stores import make_store

WAY, SHOT, QUERY = 3, 2, 2
CLASSES = {f"class{number}": np.arange(number * 8, number * 8 + 8) for number in range(5)}
NUM_CLIPS = 40


def sampler() -> EpisodeSampler:
    return EpisodeSampler(CLASSES, way=WAY, shot=SHOT, query=QUERY, seed=3, split="test")


def separable() -> EncodedClips:
    """Each class has a direction of its own; the clip's number stands in the last channel."""
    features = torch.zeros(NUM_CLIPS, 4, 6)
    for number, clips in enumerate(CLASSES.values()):
        features[clips, :, number] = 1.0
    features[:, :, 5] = torch.arange(NUM_CLIPS)[:, None] / 1000
    return EncodedClips(features, np.arange(NUM_CLIPS))


def run(classify, *, episodes: int = 23, batch: int = 5, encoded: EncodedClips | None = None):
    return measure(
        {"it": classify},
        encoded=encoded or separable(),
        sampler=sampler(),
        class_text=torch.eye(6)[:5],
        episodes=episodes,
        batch=batch,
        progress=False,
    )


def always_first(episode: EpisodeFeatures) -> Tensor:
    return torch.eye(WAY)[0].expand(*episode.query.shape[:2], WAY)


def method(name: str) -> Classifier:
    return methods.build(name, channels=6, num_frames=4).classify


def test_clips_are_encoded_once_whatever_the_batch(tmp_path: Path) -> None:
    store = make_store(tmp_path, classes={"test": 4})
    model = models.build().float()
    wanted = np.array([7, 3, 3, *range(20)])
    encoded = encode_clips(model, store, clips=wanted, progress=False)
    assert encoded.clips.tolist() == list(range(20))
    with torch.no_grad():
        alone = model.encode_video(read_clips(store, np.array([7]), size=model.image_size))
    assert torch.allclose(encoded.features[encoded.rows(np.array([7]))], alone, atol=1e-5)


def test_rows_go_by_clip_number() -> None:
    encoded = EncodedClips(torch.tensor([[[10.0]], [[20.0]], [[30.0]]]), np.array([4, 8, 9]))
    rows = encoded.rows(np.array([[9, 4], [8, 8]]))
    assert encoded.features[rows].squeeze().tolist() == [[30, 10], [20, 20]]


@pytest.mark.parametrize("name", ["mean_pooled_cosine", "zero_shot", "protonet", "otam"])
def test_what_can_be_told_apart_is(name: str) -> None:
    measured = run(method(name))
    assert (episode_accuracies(measured.actual, measured.predicted["it"]) == 100).all()
    assert set(measured.actual.ravel()) == set(range(5))
    assert measured.class_names == sorted(CLASSES)


def test_predictions_are_positions_of_classes_not_labels() -> None:
    measured = run(always_first)
    drawn = [sampler().episode(index) for index in range(23)]
    assert measured.predicted["it"][:, 0].tolist() == [int(ep.classes[0]) for ep in drawn]
    actual = [ep.classes[ep.query_labels].tolist() for ep in drawn]
    assert measured.actual.tolist() == actual
    accuracies = episode_accuracies(measured.actual, measured.predicted["it"])
    assert accuracies.tolist() == pytest.approx([100 / WAY] * 23)


@pytest.mark.parametrize("batch", [1, 7, 23, 100])
def test_batches_change_nothing(batch: int) -> None:
    encoded = EncodedClips(
        torch.randn(NUM_CLIPS, 4, 6, generator=torch.Generator().manual_seed(0)),
        np.arange(NUM_CLIPS),
    )
    expected = run(method("mean_pooled_cosine"), encoded=encoded)
    measured = run(method("mean_pooled_cosine"), encoded=encoded, batch=batch)
    assert (measured.predicted["it"] == expected.predicted["it"]).all()
    assert (measured.actual == expected.actual).all()


@pytest.mark.parametrize("batch", [5, 100])
def test_logits_are_kept_of_the_classifiers_that_are_named(batch: int) -> None:
    encoded = EncodedClips(
        torch.randn(NUM_CLIPS, 4, 6, generator=torch.Generator().manual_seed(0)),
        np.arange(NUM_CLIPS),
    )
    classify = method("otam")
    measured = measure(
        {"kept": classify, "not": classify},
        encoded=encoded,
        sampler=sampler(),
        class_text=None,
        episodes=23,
        batch=batch,
        keep_logits=("kept",),
        progress=False,
    )
    assert set(measured.logits) == {"kept"}
    logits = measured.logits["kept"]
    assert (logits.shape, logits.dtype) == ((23, WAY * QUERY, WAY), np.float32)
    classes = np.stack([sampler().episode(index).classes for index in range(23)])
    named = np.take_along_axis(classes, logits.argmax(axis=-1), axis=1)
    assert (named == measured.predicted["kept"]).all()
    assert run(classify).logits == {}


def test_the_classifier_gets_the_episodes_clips_and_texts() -> None:
    seen: list[EpisodeFeatures] = []

    def record(episode: EpisodeFeatures) -> Tensor:
        seen.append(episode)
        return always_first(episode)

    run(record, episodes=4, batch=2)
    support, labels, query, text, num_classes, _ = seen[1]
    assert num_classes == WAY
    assert text is not None
    episode = sampler().episode(3)
    assert (support[1, :, 0, 5] * 1000).round().long().tolist() == episode.support.tolist()
    assert (query[1, :, 0, 5] * 1000).round().long().tolist() == episode.query.tolist()
    assert labels[1].tolist() == episode.support_labels.tolist()
    assert text[1].argmax(dim=-1).tolist() == episode.classes.tolist()


@pytest.mark.parametrize("components", [{}, {"spm": False}, {"padm": False}, {"fusion": "concat"}])
def test_what_was_prepared_gives_the_logits_of_classify(components) -> None:
    generator = torch.Generator().manual_seed(0)
    encoded = EncodedClips(
        torch.randn(NUM_CLIPS, 4, 16, dtype=torch.float64, generator=generator),
        np.arange(NUM_CLIPS),
    )
    class_text = torch.randn(5, 16, generator=generator, dtype=torch.float64)
    model = models.build(**components)
    prepared = prepare_clips(model, encoded, classes=CLASSES, class_text=class_text)
    assert (prepared.prepared is None) == (components == {"spm": False})
    for ask in (model.method.classify, model.method.classify_each):
        logits = [logits_of(ask, table, class_text) for table in (encoded, prepared)]
        assert logits[0].shape == (5, WAY * QUERY, WAY)
        torch.testing.assert_close(logits[1], logits[0])


def logits_of(ask: Classifier, encoded: EncodedClips, class_text: Tensor) -> Tensor:
    """Of five episodes, [5, Q, N]."""
    logits = []

    def kept(episode: EpisodeFeatures) -> Tensor:
        logits.append(ask(episode))
        return logits[-1]

    measure(
        {"it": kept},
        encoded=encoded,
        sampler=sampler(),
        class_text=class_text,
        episodes=5,
        batch=2,
        progress=False,
    )
    return torch.cat(logits)


def test_what_serves_both_sides_is_kept_once() -> None:
    clips = torch.randn(100, 4, 16, dtype=torch.float64)
    table = EncodedClips(clips, np.arange(100))
    model = models.build(method="cmn_embedding")
    one = prepare_clips(model, table, classes={}, class_text=None)
    assert one.prepared.support is one.prepared.query
    assert one.prepared.nbytes == one.prepared.support.nbytes
    torch.testing.assert_close(one.prepared.query, model.method.embed(clips))
    two = prepare_clips(models.build(method="team"), table, classes={}, class_text=None)
    assert two.prepared.support is not two.prepared.query
    assert two.prepared.nbytes == two.prepared.support.nbytes + two.prepared.query.nbytes


@pytest.mark.parametrize("name", ["strm", "molo", "ta2n"])
def test_episodes_of_prepared_maps_hold_no_maps_and_give_the_same_logits(name: str) -> None:
    model = models.build(method=name, **small(name))
    frames = model.config.frames.num_segments
    maps = torch.randn(NUM_CLIPS, frames, *model.feature_shape, dtype=torch.float64)
    encoded = EncodedClips(maps, np.arange(NUM_CLIPS))
    prepared = prepare_clips(model, encoded, classes=CLASSES, class_text=None)
    channels = model.feature_shape[0]
    assert prepared.features.shape == (NUM_CLIPS, frames, channels)
    text = torch.zeros(5, channels)
    logits = [logits_of(model.method.classify, table, text) for table in (encoded, prepared)]
    torch.testing.assert_close(logits[1], logits[0])
    baseline = methods.build("mean_pooled_cosine", channels=channels, num_frames=frames)
    of_baseline = on_vectors(baseline.classify)
    before, after = (logits_of(of_baseline, table, text) for table in (encoded, prepared))
    assert torch.equal(after, before)


def test_a_classifier_of_vectors_gets_the_means_of_maps() -> None:
    seen: list[EpisodeFeatures] = []
    classify = on_vectors(lambda episode: seen.append(episode) or always_first(episode))
    maps = torch.randn(NUM_CLIPS, 4, 6, 3, 3)
    run(classify, episodes=2, encoded=EncodedClips(maps, np.arange(NUM_CLIPS)))
    run(classify, episodes=2, encoded=EncodedClips(maps.mean(dim=(-2, -1)), np.arange(NUM_CLIPS)))
    for of_maps, of_vectors in zip(seen[0][:3], seen[1][:3], strict=True):
        torch.testing.assert_close(of_maps, of_vectors)


def test_logits_that_are_not_finite_are_no_answer() -> None:
    def divided_by_0(episode: EpisodeFeatures) -> Tensor:
        logits = always_first(episode).clone()
        logits[:, 0, 1] = torch.nan
        return logits

    said = f"it: the logits of 2 of {2 * WAY * QUERY} queries are not finite .*train.lr"
    with pytest.raises(DataError, match=said):
        run(divided_by_0, episodes=4, batch=2)
