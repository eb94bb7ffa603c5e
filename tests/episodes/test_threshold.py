"""Thresholds: what is promised comes out on other classes; who promises nothing, and why."""

import numpy as np
import pytest
import torch

from spm.episodes.evaluation import EncodedClips
from spm.episodes.open_set import measure_open
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.threshold import NO_SCORES, OwnScores, Threshold, fit_threshold, why_none
from spm.model.model import FewShotModel
from tests import models
from tests.backgrounds import background, clips_of, with_background


def model(**sizes: int) -> FewShotModel:
    return with_background(models.build(method="otam").float(), **sizes)


def fit(of: FewShotModel, *, own: OwnScores = NO_SCORES, way: int = 3, share: float = 0.1):
    return fit_threshold(of, way=way, shot=2, false_alarms=share, own=own)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_about_the_promised_share_of_other_classes_passes(share: float) -> None:
    """Test classes are made as the validation classes are, and noise makes them hard to tell."""
    of = model()
    noisy = torch.cat([clips_of(n, count=6, noise=4.0) for n in range(6, 11)])
    of.background = of.background.of(
        of.background.clips,
        of.background.texts,
        validation=noisy,
        labels=of.background.labels,
        validation_texts=of.background.validation_texts,
    )
    threshold = fit(of, share=share)
    classes = {str(number): np.arange(number * 6, number * 6 + 6) for number in range(5)}
    test = torch.cat([clips_of(number, count=6, noise=4.0) for number in range(11, 16)])
    found = measure_open(
        of,
        encoded=EncodedClips(test, np.arange(30)),
        sampler=EpisodeSampler(classes, way=3, shot=2, query=1, seed=1, split="test"),
        class_text=None,
        episodes=100,
        unknown=5,
        batch=10,
        progress=False,
    )
    passed = (found.unknown["background"] >= threshold.value).mean()
    assert share / 2 < passed < 2 * share
    assert (found.known["background"] >= threshold.value).mean() > passed


def test_a_smaller_share_is_a_higher_threshold() -> None:
    assert fit(model(), share=0.05).value > fit(model(), share=0.2).value


def test_more_classes_than_validation_has_are_made_up_for() -> None:
    """An unknown clip has more chances to pass."""
    four, eight = fit(model(), way=4), fit(model(), way=8)
    assert four.way == eight.way == 4
    assert eight.value > four.value


def test_the_users_examples_weigh_as_much_as_validation() -> None:
    plain = fit(model())
    higher = OwnScores(known=np.array([50.0, 150.0]), unknown=np.full(3, 100.0))
    threshold = fit(model(), own=higher)
    assert threshold.value == 100
    assert (threshold.own, threshold.own_known, threshold.own_recalled) == (3, 2, 1)
    assert (plain.own, plain.own_known, plain.own_recalled) == (0, 0, 0)
    lower = OwnScores(known=np.zeros(0), unknown=np.full(3, -100.0))
    assert fit(model(), own=lower).value < plain.value


def test_shots_are_at_most_those_that_leave_a_validation_query() -> None:
    assert fit_threshold(model(shots=3), way=3, shot=7, false_alarms=0.1).shot == 2


def test_who_promises_nothing_says_why() -> None:
    of = model()
    assert why_none(of) == ""
    of.background = background(validation=4)
    assert why_none(of) == "the validation split has 4 classes, and a promise takes 5 or more"
    with pytest.raises(ValueError, match="4 classes"):
        fit(of)
    of.background = None
    assert why_none(of).startswith("the model keeps no background classes")
    with pytest.raises(ValueError, match="no background"):
        fit(of)


def test_it_says_what_it_was_made_of() -> None:
    values = {"value": 2.0, "false_alarms": 0.1, "recall": 0.8, "way": 3, "shot": 2}
    plain = Threshold(**values, own=0, own_known=0, own_recalled=0)
    assert plain.in_words() == (
        "none of these: of other clips about 10 % pass for one of the classes, by 3-way 2-shot "
        "validation episodes"
    )
    own = Threshold(**values, own=6, own_known=5, own_recalled=4)
    assert own.in_words() == (
        f"{plain.in_words()} and 6 of your examples; of your own, left out, 4 of 5 are recognized"
    )
