"""ECE and its bins, against values by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spm.results.reliability import BINS, confidences, reliability


def test_a_value_by_hand() -> None:
    """Bins are 1/15 wide: 0.51 and 0.53 share one, 0.70 and 0.95 have one each."""
    confidence = np.array([[0.51, 0.53], [0.70, 0.95]])
    right = np.array([[True, False], [True, False]])
    found = reliability(confidence, right)
    # 2/4 · |52 − 50| + 1/4 · |70 − 100| + 1/4 · |95 − 0|
    assert found["ece"] == pytest.approx(1 + 7.5 + 23.75)
    bins = found["bins"]
    assert bins["answers"] == [0] * 7 + [2, 0, 0, 1, 0, 0, 0, 1]
    assert (bins["confidence"][7], bins["accuracy"][7]) == (52, 50)
    assert (bins["confidence"][14], bins["accuracy"][14]) == (95, 0)
    assert bins["confidence"][0] is bins["accuracy"][0] is None


def test_errors_on_both_sides_of_one_bin_cancel_and_of_two_do_not() -> None:
    right = np.array([True, False])
    assert reliability(np.array([0.5, 0.5]), right)["ece"] == 0
    assert reliability(np.array([0.4, 0.6]), right)["ece"] == pytest.approx(60)


@pytest.mark.parametrize(
    ("confidence", "place"), [(1.0, 14), (1 / 15, 0), (2 / 15 + 1e-9, 2), (1e-9, 0), (0.2, 2)]
)
def test_a_bin_holds_its_upper_edge(confidence: float, place: int) -> None:
    answers = reliability(np.array([confidence]), np.array([True]))["bins"]["answers"]
    assert answers.index(1) == place
    assert len(answers) == BINS


def test_confidence_is_the_largest_probability() -> None:
    p = np.float32([[[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]])
    np.testing.assert_allclose(confidences(np.log(p), temperature=1.0), [[0.5, 0.8]], rtol=1e-6)
    squared = [[0.25 / 0.38, 0.64 / 0.66]]
    np.testing.assert_allclose(confidences(np.log(p), temperature=0.5), squared, rtol=1e-6)
    assert confidences(np.float32([[[1e4, 0]]]), temperature=1e-3) == 1


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40),
)
def test_ece_is_between_the_mean_difference_and_100(answers: list[tuple[float, bool]]) -> None:
    confidence, right = (np.array(column) for column in zip(*answers, strict=True))
    found = reliability(confidence, right)
    off = 100 * abs(confidence.mean() - right.mean())
    assert off - 1e-3 <= found["ece"] <= 100
    assert sum(found["bins"]["answers"]) == len(answers)
