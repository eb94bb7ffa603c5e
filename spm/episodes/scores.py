"""Numbers of a measurement: accuracy with its interval, per class, and who is taken for whom.

`E` episodes, `Q` queries of each; classes are positions in the class names.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_Z95 = 1.96


def episode_accuracies(actual: Ints, predicted: Ints) -> Floats:
    """[E, Q], [E, Q] -> percent, [E]."""
    right: Floats = 100 * (actual == predicted).mean(axis=1)
    return right


def mean_and_interval(accuracies: Floats) -> tuple[float, float]:
    """Mean over episodes, and half the width of its 95 % interval: 1.96 · std / √E."""
    spread = accuracies.std(ddof=1) / np.sqrt(len(accuracies))
    return float(accuracies.mean()), float(_Z95 * spread)


def confusion_matrix(actual: Ints, predicted: Ints, *, num_classes: int) -> Ints:
    """Queries of each actual class (down) by the class predicted (across), [classes, classes].

    An episode offers only `way` classes: a class is confused only with those it met there.
    """
    pairs = actual.ravel() * num_classes + predicted.ravel()
    counts = np.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def class_accuracies(confusion: Ints) -> Floats:
    """Percent of each class's queries that were right, [classes]; NaN for a class never asked."""
    asked = confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):
        accuracies: Floats = 100 * np.diagonal(confusion) / asked
    return accuracies
