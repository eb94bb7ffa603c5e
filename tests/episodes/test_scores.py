"""Accuracy, interval, confusion: against numbers worked out by hand."""

import numpy as np
import pytest

from spm.episodes.scores import (
    class_accuracies,
    confusion_matrix,
    episode_accuracies,
    mean_and_interval,
)

ACTUAL = np.array([[0, 0, 1, 1], [2, 2, 0, 0]])
PREDICTED = np.array([[0, 1, 1, 1], [0, 0, 0, 2]])


def test_accuracy_of_each_episode() -> None:
    assert episode_accuracies(ACTUAL, PREDICTED).tolist() == [75, 25]


def test_interval_is_of_the_mean() -> None:
    mean, interval = mean_and_interval(np.array([75.0, 25.0, 50.0, 50.0]))
    assert mean == 50
    assert interval == pytest.approx(1.96 * np.sqrt(1250 / 3) / 2)


def test_confusion_counts_actual_down_predicted_across() -> None:
    confusion = confusion_matrix(ACTUAL, PREDICTED, num_classes=4)
    assert confusion.tolist() == [[2, 1, 1, 0], [0, 2, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]]
    assert confusion.sum() == ACTUAL.size


def test_a_class_never_asked_has_no_accuracy() -> None:
    accuracies = class_accuracies(confusion_matrix(ACTUAL, PREDICTED, num_classes=4))
    assert accuracies[:3].tolist() == [50, 100, 0]
    assert np.isnan(accuracies[3])
