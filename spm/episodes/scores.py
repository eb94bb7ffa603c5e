"""Scores of a measurement: accuracy with its interval, accuracy per class, confusion matrix.

Shapes: `E` episodes, `Q` queries of an episode. A class is its position in the class names.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_Z95 = 1.96


def episode_accuracies(actual: Ints, predicted: Ints) -> Floats:
    """Classes [E, Q], [E, Q] -> accuracy of each episode in percent, [E]."""
    right: Floats = 100 * (actual == predicted).mean(axis=1)
    return right


def mean_and_interval(accuracies: Floats) -> tuple[float, float]:
    """The mean over episodes, and half the width of its 95 % interval: 1.96 · std / √E."""
    spread = accuracies.std(ddof=1) / np.sqrt(len(accuracies))
    return float(accuracies.mean()), float(_Z95 * spread)


def confusion_matrix(actual: Ints, predicted: Ints, *, num_classes: int) -> Ints:
    """Number of queries by actual class (rows) and predicted class (columns), [classes, classes].

    An episode has `way` classes only, so two classes are confused only where they share an episode.
    """
    pairs = actual.ravel() * num_classes + predicted.ravel()
    counts = np.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def class_accuracies(confusion: Ints) -> Floats:
    """Accuracy of each class in percent, [classes]; NaN for a class without queries."""
    asked = confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):
        accuracies: Floats = 100 * np.diagonal(confusion) / asked
    return accuracies
