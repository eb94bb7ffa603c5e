"""Episodes: what they hold, and that nothing but (seed, split, index) decides it."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm.base.errors import DataError
from spm.episodes.augmentation import AugmentedClips
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.training_data import TrainingEpisodes, load_episodes
from tests.stores import make_store


def _classes(count: int, clips: int) -> dict[str, np.ndarray]:
    numbers = np.random.default_rng(0).permutation(count * clips)
    return {f"class{n}": numbers[n * clips : (n + 1) * clips] for n in range(count)}


@given(way=st.integers(2, 6), shot=st.integers(1, 5), query=st.integers(1, 4), index=st.integers(0))
@settings(max_examples=100, deadline=None)
def test_support_and_query_are_disjoint_and_of_their_class(way, shot, query, index):
    classes = _classes(7, 10)
    sampler = EpisodeSampler(classes, way=way, shot=shot, query=query, seed=3, split="test")
    episode = sampler.episode(index)
    assert len(set(episode.classes)) == way
    assert len({*episode.support, *episode.query}) == way * (shot + query)
    for clips, labels, per_class in (
        (episode.support, episode.support_labels, shot),
        (episode.query, episode.query_labels, query),
    ):
        assert np.bincount(labels).tolist() == [per_class] * way
        for clip, label in zip(clips, labels, strict=True):
            assert clip in classes[sampler.class_names[episode.classes[label]]]


def _drawn(index: int, **changes) -> list[int]:
    arguments = {"way": 3, "shot": 1, "query": 2, "seed": 0, "split": "test"} | changes
    episode = EpisodeSampler(_classes(7, 10), **arguments).episode(index)
    return [*episode.support, *episode.query]


def test_an_episode_depends_on_seed_split_and_index_alone():
    assert _drawn(5) == _drawn(5)
    assert _drawn(5) != _drawn(6)
    assert _drawn(5) != _drawn(5, seed=1)
    assert _drawn(5) != _drawn(5, split="val")


def test_all_clips_are_drawn_about_equally_often():
    sampler = EpisodeSampler(_classes(7, 10), way=3, shot=1, query=2, seed=0, split="test")
    drawn = np.concatenate([sampler.episode(index).query for index in range(2000)])
    counts = np.bincount(drawn, minlength=70)
    assert counts.min() > 120  # 2,000 episodes of 6 queries over 70 clips: 171 each
    assert counts.max() < 230


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"way": 8}, "8"), ({"shot": 9, "query": 2}, "class0")],
)
def test_more_than_the_data_allow_is_an_error(changes, message):
    with pytest.raises(DataError, match=message):
        _drawn(0, **changes)


@pytest.fixture
def dataset(tmp_path):
    store = make_store(tmp_path, classes={"train": 3}, samples_per_segment=2)
    store.read(0)  # open here before the workers get it
    sampler = EpisodeSampler(store.classes("train"), way=2, shot=1, query=1, seed=0, split="train")
    return TrainingEpisodes(AugmentedClips(store, size=32, flip=True), sampler, seed=0)


def test_an_episode_stays_as_it_is_while_others_are_read(dataset):
    loader = load_episodes(dataset, range(8), workers=1)
    episodes = []
    for episode in loader:
        episodes.append(episode)
        time.sleep(0.1)  # as in training: the process reads on, as far as it may
    for index, episode in enumerate(episodes):
        np.testing.assert_array_equal(episode.clips, dataset[index].clips)


def test_episodes_do_not_depend_on_the_number_of_workers(dataset):
    alone, many = (
        [episode.clips.numpy() for episode in load_episodes(dataset, range(2, 8), workers=workers)]
        for workers in (0, 2)
    )
    assert len(alone) == 6
    for one, other in zip(alone, many, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(alone[3], dataset[5].clips)
