"""A model asked again with other texts: what uses texts falls, what ignores them does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from spm import methods
from spm.config.model import method_names
from spm.config.prompts import CONTROLS
from spm.episodes.evaluation import EncodedClips, Measurement, measure, prepare_clips
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.scores import episode_accuracies
from spm.episodes.text_controls import measure_controls
from spm.methods.base import EpisodeFeatures, Method
from spm.model.text_controls import controlled
from tests import models
from tests.methods import drawn
from tests.methods.small import small

WAY, EPISODES, CHANNELS = 3, 20, 16
CLASSES = {f"class{number}": np.arange(number * 6, number * 6 + 6) for number in range(5)}
TEXTS = 3 * torch.eye(5, CHANNELS)


class Ignoring(Method):
    """Says that it takes texts, and does not."""

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        return methods.build("protonet", channels=CHANNELS, num_frames=4).classify(episode)


class OfPrepared(Method):
    """Classifies by the texts that were prepared, and by no other."""

    def prepare_query(self, features: Tensor) -> Tensor:
        return features.mean(dim=1)

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        assert texts is not None
        return texts

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        assert episode.prepared is not None
        of_class = one_hot(episode.support_labels, episode.num_classes).float()
        return episode.prepared.query @ (of_class.mT @ episode.prepared.support).mT


class Model(nn.Module):
    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method


def encoded(*, noise: float = 0.1) -> EncodedClips:
    """The clips of a class are near the class's text."""
    generator = torch.Generator().manual_seed(0)
    features = noise * torch.randn(30, 4, CHANNELS, generator=generator)
    for number, clips in enumerate(CLASSES.values()):
        features[clips] += TEXTS[number]
    return EncodedClips(features, np.arange(30))


def samplers() -> list[EpisodeSampler]:
    return [
        EpisodeSampler(CLASSES, way=WAY, shot=shot, query=2, seed=3, split="test")
        for shot in (1, 2)
    ]


def under_controls(method: Method, clips: EncodedClips) -> dict:
    return measure_controls(
        Model(method),
        clips,
        classes=CLASSES,
        class_text=TEXTS,
        samplers=samplers(),
        episodes=EPISODES,
        batch=6,
    )


def with_own_texts(method: Method, clips: EncodedClips, *, text: Tensor = TEXTS) -> Measurement:
    return measure(
        {"it": method.classify},
        encoded=prepare_clips(Model(method), clips, classes=CLASSES, class_text=text),
        sampler=samplers()[0],
        class_text=text,
        episodes=EPISODES,
        batch=6,
        progress=False,
    )


def accuracies(method: Method) -> dict[str, np.ndarray]:
    """Control -> [E] at one shot; `none` with the true texts."""
    own = with_own_texts(method, encoded())
    answers = under_controls(method, encoded())[1] | {"none": own.predicted["it"]}
    return {name: episode_accuracies(own.actual, each) for name, each in answers.items()}


def test_every_shot_is_asked_with_every_control() -> None:
    found = under_controls(Ignoring(), encoded())
    assert set(found) == {1, 2}
    for answers in found.values():
        assert tuple(answers) == CONTROLS
        assert all(each.shape == (EPISODES, WAY * 2) for each in answers.values())


def test_a_method_that_ignores_texts_answers_the_same_to_the_last_query() -> None:
    own = with_own_texts(Ignoring(), encoded(noise=4.0))
    assert 40 < episode_accuracies(own.actual, own.predicted["it"]).mean() < 99
    for answers in under_controls(Ignoring(), encoded(noise=4.0))[1].values():
        assert (answers == own.predicted["it"]).all()


def test_a_method_of_texts_alone_falls_to_chance() -> None:
    found = accuracies(methods.build("zero_shot", channels=CHANNELS, num_frames=4))
    assert (found["none"] == 100).all()
    assert found["zero"] == pytest.approx(np.full(EPISODES, 100 / WAY))
    assert found["permuted"].mean() <= 100 / WAY


def test_what_was_prepared_is_prepared_with_the_controls_texts() -> None:
    found = accuracies(OfPrepared())
    assert (found["none"] == 100).all()
    assert found["zero"] == pytest.approx(np.full(EPISODES, 100 / WAY))
    assert found["permuted"].mean() <= 100 / WAY


WITH_TEXTS = [name for name in method_names() if drawn.needs(name).text]


@pytest.mark.parametrize(
    "values", [{"padm": False}, *({"method": name} | small(name) for name in WITH_TEXTS)], ids=str
)
def test_the_answers_are_those_of_the_controls_texts_not_prepared(values) -> None:
    """Also of every method of the registry that takes texts."""
    model = models.build(**values)
    clips = encoded(noise=2.0)
    clips = replace(clips, features=clips.features.double())
    found = under_controls(model.method, clips)[1]
    for control in CONTROLS:
        expected = measure(
            {"it": model.method.classify},
            encoded=clips,
            sampler=samplers()[0],
            class_text=controlled(TEXTS, control),
            episodes=EPISODES,
            batch=6,
            progress=False,
        )
        assert (found[control] == expected.predicted["it"]).all()
