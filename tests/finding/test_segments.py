"""Segments: of windows that say the same, the best one."""

import numpy as np
import pytest

from spm.finding.scores import WindowScores
from spm.finding.segments import Segment, find_segments_in

NAN = float("nan")


def scores(*rows: tuple[int, int, float, float]) -> WindowScores:
    """start, length, score, probability of the first of two classes (NaN: not known)"""
    start, length, score, first = np.array(rows, float).reshape(-1, 4).T
    windows = np.stack([start, length], axis=1).astype(np.int64)
    return WindowScores(windows, score, np.stack([first, 1 - first], axis=1))


def found(*rows: tuple[int, int, float, float]) -> list[tuple[float, float, str]]:
    segments = find_segments_in(scores(*rows), classes=["a", "b"], rate=2)
    return [(each.start, each.end, each.name) for each in segments]


def test_times_class_probability_and_score() -> None:
    (segment,) = find_segments_in(scores((3, 10, 1.5, 0.2)), classes=["a", "b"], rate=2)
    assert segment == Segment(1.5, 6.5, "b", pytest.approx(0.8), 1.5)


def test_of_windows_that_cover_each_other_the_best_one_stays() -> None:
    assert found((0, 10, 1, 0.9), (2, 10, 3, 0.9), (4, 10, 2, 0.1)) == [(1, 6, "a")]


def test_borders_are_the_mean_of_the_windows_that_agree() -> None:
    """Of the same class, nearly as good, and about at the same place."""
    best, agreeing = (10, 10, 3, 0.9), (12, 12, 2.6, 0.8)
    others = ((8, 10, 2.4, 0.9), (12, 10, 2.9, 0.1), (17, 10, 2.9, 0.9))
    assert found(best, agreeing, *others) == [(5.5, 11, "a")]


def test_windows_apart_or_side_by_side_stay() -> None:
    assert found((0, 10, 1, 0.9), (10, 10, 3, 0.9), (40, 10, 2, 0.1)) == [
        (0, 5, "a"),
        (5, 10, "a"),
        (20, 25, "b"),
    ]


def test_a_short_window_in_a_long_one_says_it_again() -> None:
    """Their tIoU is small all the same."""
    assert found((0, 100, 2, 0.9), (40, 10, 1, 0.1)) == [(0, 50, "a")]


def test_a_suppressed_window_suppresses_nothing() -> None:
    rows = ((0, 10, 3, 0.9), (6, 10, 2, 0.9), (13, 10, 1, 0.9))
    assert [start for start, *_ in found(*rows)] == [0, 6.5]


def test_what_is_not_known_is_no_segment() -> None:
    assert found((0, 10, 9, NAN), (20, 10, 1, 0.5)) == [(10, 15, "a")]
    assert found((0, 10, 9, NAN)) == []
    assert found() == []


def test_of_equal_windows_the_earlier_then_the_shorter() -> None:
    assert found((4, 10, 1, 0.9), (2, 12, 1, 0.9), (2, 10, 1, 0.1)) == [(1, 6, "b")]


def test_segments_do_not_cover_each_other_once_their_borders_are_means() -> None:
    """The second window is far enough from the first, but agrees with what lies between."""
    first, second = (0, 10, 3, 0.9), (8, 10, 2.8, 0.9)
    between = tuple((start, 10, 2.7, 0.9) for start in (2, 3, 4, 5))
    segments = find_segments_in(scores(first, second, *between), classes=["a", "b"], rate=1)
    assert len(segments) == 1
    alone = find_segments_in(scores(first, second), classes=["a", "b"], rate=1)
    assert len(alone) == 2
