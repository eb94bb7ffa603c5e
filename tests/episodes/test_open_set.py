"""Queries of other classes: which are drawn, that each is alone, and that the scores tell."""

import numpy as np
import pytest
import torch

from spm import methods
from spm.config.model import method_names, read_values
from spm.episodes.evaluation import EncodedClips, OpenScores
from spm.episodes.open_set import SCORES, background_score, measure_open, open_episode, scores
from spm.episodes.sampler import EpisodeSampler
from spm.methods.base import EpisodeFeatures
from spm.model.model import FewShotModel
from tests import models
from tests.backgrounds import CHANNELS, FRAMES, clips_of, with_background
from tests.methods.small import small

CLASSES = {f"class{number}": np.arange(number * 6, number * 6 + 6) for number in range(5)}


def sampler(*, way: int = 3, shot: int = 2) -> EpisodeSampler:
    return EpisodeSampler(CLASSES, way=way, shot=shot, query=2, seed=0, split="test")


def test_the_unknown_queries_are_of_other_classes_and_the_known_one_of_each() -> None:
    for index in range(50):
        plain, (asked, classes) = (
            sampler().episode(index),
            open_episode(sampler(), index, unknown=4),
        )
        assert asked.query_labels.tolist() == [0, 1, 2, -1, -1, -1, -1]
        assert asked.query[:3].tolist() == plain.query[::2].tolist()
        assert (asked.query[3:] // 6).tolist() == classes.tolist()
        assert not set(classes) & set(plain.classes)
        assert np.array_equal(asked.support, plain.support)
        again, _ = open_episode(sampler(), index, unknown=4)
        assert np.array_equal(asked.query, again.query)


def test_all_other_classes_are_asked_for() -> None:
    asked = [open_episode(sampler(), index, unknown=4).episode for index in range(50)]
    drawn = np.concatenate([episode.query[3:] for episode in asked])
    assert set(drawn // 6) == set(range(5))
    assert len(np.unique(drawn)) > 20


def test_without_other_classes_there_is_no_unknown_query() -> None:
    with pytest.raises(ValueError, match="all 5 classes are in each episode"):
        open_episode(sampler(way=5), 0, unknown=1)


def features() -> torch.Tensor:
    """[30, T, C]: classes in directions that no background class has."""
    return torch.cat([clips_of(number, count=6, seed=7) for number in range(11, 16)])


def measured(model: FewShotModel, *, batch: int = 10, episodes: int = 30) -> OpenScores:
    return measure_open(
        model,
        encoded=EncodedClips(features(), np.arange(30)),
        sampler=sampler(),
        class_text=torch.eye(CHANNELS)[11:],
        episodes=episodes,
        unknown=4,
        batch=batch,
        progress=False,
    )


def otam() -> FewShotModel:
    return with_background(models.build(method="otam").float())


def test_scores_are_higher_for_known_classes() -> None:
    found = measured(otam())
    assert tuple(found.known) == SCORES
    for name in ("distance", "background"):
        assert found.known[name].shape == (30, 3)
        assert found.unknown[name].shape == (30, 4)
        assert found.known[name].mean() > found.unknown[name].mean() + found.unknown[name].std()


def test_the_batch_does_not_matter() -> None:
    one, many = (measured(otam(), batch=batch) for batch in (1, 7))
    for name in SCORES:
        np.testing.assert_allclose(one.known[name], many.known[name], rtol=1e-4, atol=1e-4)
    assert np.array_equal(one.actual, many.actual)
    assert np.array_equal(one.taken_for, many.taken_for)


def test_an_unknown_query_is_taken_for_the_class_of_its_episode_with_the_largest_logit() -> None:
    """By hand: the logits say that label 1 is always nearest."""
    model = otam()
    model.method.classify_each = lambda asked: torch.tensor([0.0, 9.0, 1.0]).expand(
        *asked.query.shape[:-2], -1
    )
    model.background = None
    found = measured(model, episodes=9)
    for index in range(9):
        episode, classes = open_episode(sampler(), index, unknown=4)
        assert found.actual[index].tolist() == classes.tolist()
        assert found.taken_for[index].tolist() == [episode.classes[1]] * 4


def test_without_a_background_there_is_no_such_score() -> None:
    model = otam()
    model.background = None
    assert tuple(measured(model, episodes=4).known) == SCORES[:-1]


def test_the_background_score_has_no_unit() -> None:
    """Logits twice as large, or all larger, give the same score: protonet's are -distance²."""
    model = with_background(models.build(method="protonet").float())
    episode = _episode()
    plain = background_score(model, episode, model.background)
    classify = model.method.classify
    model.method.classify = lambda each: 2 * classify(each) + 5
    torch.testing.assert_close(background_score(model, episode, model.background), plain)


def test_a_clip_far_from_all_but_its_class_scores_as_many_deviations() -> None:
    """By hand, with the logits of a method that says them."""
    model = otam()
    logits = torch.tensor([4.0, 1.0, 0.0, -1.0, 1.0, 0.0, 2.0, -2.0])  # 2 classes, 6 background
    model.method.classify_each = lambda episode: logits.expand(1, -1)
    spread = logits[2:].std()
    found = background_score(model, _episode(), model.background)
    torch.testing.assert_close(found, (4 - logits[2:].mean()).div(spread)[None])


ON_FRAMES = [name for name in method_names() if read_values(name).needs.features == "frames"]


@pytest.mark.parametrize("name", ON_FRAMES)
def test_every_method_on_frames_has_scores_and_each_query_is_alone(name: str) -> None:
    model = otam()
    model.method = methods.build(name, channels=CHANNELS, num_frames=FRAMES, **small(name)).eval()
    episode = _episode(queries=3)
    with torch.no_grad():
        together = scores(model, episode, model.method.classify_each(episode))
        one = episode._replace(query=episode.query[1:2])
        alone = scores(model, one, model.method.classify_each(one))
    for score, values in together.items():
        assert torch.isfinite(values).all(), score
        torch.testing.assert_close(values[1:2], alone[score], rtol=1e-3, atol=1e-3)


def _episode(*, queries: int = 1) -> EpisodeFeatures:
    support = torch.cat([clips_of(11, count=2, seed=1), clips_of(12, count=2, seed=1)])
    labels = torch.tensor([0, 0, 1, 1])
    query = clips_of(11, count=queries, seed=2)
    return EpisodeFeatures(support, labels, query, torch.eye(CHANNELS)[11:13], 2)
