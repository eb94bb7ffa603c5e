"""CLIP-M2DF against its NumPy reference."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

import spm.methods
from spm.config.model import read_values
from spm.methods.base import EpisodeFeatures
from tests.methods import agreement
from tests.methods.arrays import Arrays, draw_episode
from tests.methods.clip_m2df import reference

DRAWN = {"hidden_dim": 24, "prompts": "draw", "temperature": 3.0}
"""At this temperature most classes that are drawn are not the likeliest."""


def check(shots: list[int], *, known_classes: bool = True, **values: Any) -> None:
    agreement.check(
        "clip_m2df",
        channels=16,
        num_frames=6,
        shots=shots,
        query=3,
        values={"hidden_dim": 24, "prompts": "argmax"} | values,
        known_classes=known_classes,
    )


@pytest.mark.parametrize("shots", [[1, 1], [2, 2, 2], [3, 3], [1, 3, 2]])
def test_logits_and_losses_are_the_references(shots: list[int]) -> None:
    check(shots)


@pytest.mark.parametrize("distillation", ["bid", "up2down", "down2up"])
@pytest.mark.parametrize("flags", product([True, False], repeat=2), ids=str)
def test_each_distillation_is_the_references(flags: tuple[bool, bool], distillation: str) -> None:
    text, distance = flags
    check([2, 1, 1], compare_text=text, compare_distance=distance, distillation=distillation)


@pytest.mark.parametrize(
    "values",
    [
        {"heads": 4},
        {"otam_lambda": 0.1},
        {"selected_frames": 2},
        {"text_weight": 0.5, "distillation_weight": 3.0},
    ],
    ids=str,
)
def test_each_value_is_the_references(values: dict[str, Any]) -> None:
    check([1, 3, 2], **values)


def test_classes_outside_training_have_no_text_loss() -> None:
    check([2, 1], known_classes=False)


def test_with_the_classes_that_are_drawn_logits_are_the_references() -> None:
    head, weights, episode = _drawn(query=4)
    classes = _classes(head, episode)
    values = read_values("clip_m2df", **DRAWN).model_dump()
    likeliest = reference.class_probabilities(episode, **values).argmax(axis=1)
    assert (classes != likeliest).any()
    expected = reference.logits(episode, weights, num_frames=6, drawn=classes, **values)
    with torch.no_grad():
        agreement.agree(head.classify(_features(episode)), expected, "logits")


def test_classes_are_drawn_as_often_as_the_reference_says() -> None:
    head, _, episode = _drawn(query=200)
    classes = _classes(head, episode)
    p = reference.class_probabilities(episode, **read_values("clip_m2df", **DRAWN).model_dump())
    drawn, expected = np.bincount(classes, minlength=3), p.sum(axis=0)
    assert (np.abs(drawn - expected) < 4 * np.sqrt((p * (1 - p)).sum(axis=0))).all()
    of_the_drawn = p[np.arange(len(p)), classes]
    spread = np.sqrt(((p**3).sum(axis=1) - (p**2).sum(axis=1) ** 2).sum())
    assert abs(of_the_drawn.sum() - (p**2).sum()) < 4 * spread


def _drawn(*, query: int) -> tuple[Any, dict[str, np.ndarray], Arrays]:
    head = spm.methods.build("clip_m2df", channels=16, num_frames=6, train_classes=12, **DRAWN)
    head = head.double().eval()
    episode = draw_episode(shots=[1, 2, 1], query=query, num_frames=6, channels=16)
    return head, agreement.fill(head), episode


def _features(episode: Arrays) -> EpisodeFeatures:
    arrays = (episode.support, episode.support_labels, episode.query, episode.class_text)
    return EpisodeFeatures(*map(torch.as_tensor, arrays), num_classes=episode.num_classes)


def _classes(head: Any, episode: Arrays) -> np.ndarray:
    query, class_text = torch.as_tensor(episode.query), torch.as_tensor(episode.class_text)
    return head.query_classes(query, class_text).numpy()
