"""The fit of a temperature: known ones are found again, and what has none is bounded."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spm.training.temperature import fit_temperature, nll


def drawn(*, answers: int = 4000, classes: int = 5, seed: int = 0):
    """Logits of calibrated answers: each label is drawn from the softmax of its logits."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2.0, size=(answers, classes))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (p.cumsum(axis=1) < rng.random((answers, 1))).sum(axis=1)
    return logits, labels


@pytest.mark.parametrize("scale", [1e-6, 0.01, 0.3, 1.0, 1.8, 50.0, 1e6])
def test_the_scale_of_calibrated_logits_is_found_again(scale: float) -> None:
    logits, labels = drawn()
    assert fit_temperature(scale * logits, labels) == pytest.approx(scale, rel=0.05)


@given(scale=st.floats(1e-4, 1e4), seed=st.integers(0, 20))
@settings(max_examples=25, deadline=None)
def test_a_multiple_of_the_logits_is_that_multiple_of_the_temperature(scale, seed) -> None:
    logits, labels = drawn(answers=60, seed=seed)
    once = fit_temperature(logits, labels)
    assert fit_temperature(scale * logits, labels) == pytest.approx(scale * once, rel=1e-6)


@pytest.mark.parametrize("scale", [0.2, 1.0, 7.0])
def test_a_value_by_hand(scale: float) -> None:
    """3 of 4 answers are right, at odds of e^scale: calibrated odds are 3, log 3 at T."""
    logits, labels = np.tile([scale, 0.0], (4, 1)), np.array([0, 0, 0, 1])
    assert fit_temperature(logits, labels) == pytest.approx(scale / math.log(3))


@pytest.mark.parametrize("odds", range(2, 40))
def test_calibrated_logits_stay_to_the_last_bit_or_get_better(odds: int) -> None:
    """One answer of 1 + odds is wrong: T = 1 is the best, to rounding."""
    logits, labels = np.tile([math.log(odds), 0.0], (1 + odds, 1)), np.eye(1 + odds, dtype=int)[0]
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(1)
    found, as_it_was = (nll(logits, labels, temperature=each) for each in (temperature, 1.0))
    assert found <= as_it_was


def test_nll_by_hand() -> None:
    logits = np.log([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    expected = -(math.log(0.3) + math.log(0.8)) / 2
    assert nll(logits, np.array([1, 2]), temperature=1.0) == pytest.approx(expected)
    expected = -(math.log(0.09 / 0.38) + math.log(0.64 / 0.66)) / 2
    assert nll(logits, np.array([1, 2]), temperature=0.5) == pytest.approx(expected)


LOGITS = arrays(
    np.float64, st.tuples(st.integers(1, 12), st.integers(2, 5)), elements=st.floats(-1e4, 1e4)
)


@given(logits=LOGITS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_it_is_positive_and_finite_and_never_worse_than_one(logits, data) -> None:
    answers, classes = logits.shape
    labels = data.draw(arrays(np.int64, answers, elements=st.integers(0, classes - 1)))
    temperature = fit_temperature(logits, labels)
    assert 0 < temperature < math.inf
    assert nll(logits, labels, temperature=temperature) <= nll(logits, labels, temperature=1.0)
    assert fit_temperature(logits, labels) == temperature


@given(seed=st.integers(0, 50), factor=st.floats(0.5, 2.0))
@settings(max_examples=25, deadline=None)
def test_no_other_temperature_is_better(seed: int, factor: float) -> None:
    logits, labels = drawn(answers=40, seed=seed)
    best = fit_temperature(logits, labels)
    least = nll(logits, labels, temperature=best)
    assert nll(logits, labels, temperature=factor * best) >= least - 1e-12


ALL_RIGHT = np.eye(5)[np.arange(1000) % 5], np.arange(1000) % 5


def test_where_all_are_right_confidence_is_that_of_the_rule_of_succession() -> None:
    logits, labels = ALL_RIGHT
    temperature = fit_temperature(logits, labels)
    assert nll(logits, labels, temperature=temperature) == pytest.approx(math.log(1002 / 1001))
    assert fit_temperature(0.1 * logits, labels) == pytest.approx(0.1 * temperature)


def test_where_all_are_right_and_confident_already_nothing_changes() -> None:
    logits, labels = ALL_RIGHT
    assert fit_temperature(100 * logits, labels) == 1


def test_where_answers_are_no_better_than_chance_all_classes_are_as_probable() -> None:
    logits, labels = ALL_RIGHT
    temperature = fit_temperature(logits, np.roll(labels, 1))
    assert temperature == pytest.approx(1000)
    assert nll(logits, labels, temperature=temperature) == pytest.approx(math.log(5), abs=1e-3)


def test_logits_that_are_all_the_same_have_no_temperature() -> None:
    assert fit_temperature(np.full((3, 2), 7.0), np.array([0, 1, 0])) == 1
