"""How far a model's confidence is from its accuracy: ECE, and the bins behind it.

    confidence of an answer = max_n softmax(logits / T)_n
    ECE = Σ_b  answers in b / all answers · |accuracy of b − mean confidence of b|

over 15 bins of equal width, (0, 1/15] to (14/15, 1]. Accuracies, confidences and ECE are in
percent. Shapes: `E` episodes, `Q` queries, `N` classes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spm.episodes.evaluation import Logits

BINS = 15
_DIGITS = 4

Floats = NDArray[np.float64]


def confidences(logits: Logits, *, temperature: float) -> Floats:
    """The probability of the most probable class: logits [E, Q, N] -> [E, Q] in 0..1."""
    scaled = logits.astype(np.float64) / temperature
    below_top = scaled - scaled.max(axis=-1, keepdims=True)
    confidence: Floats = 1 / np.exp(below_top).sum(axis=-1)
    return confidence


def reliability(confidence: Floats, right: NDArray[np.bool_]) -> dict[str, Any]:
    """ECE and the bins of answers of any shape [...]: their confidence, and whether each is right.

    {"ece": 2.1, "bins": {"answers": [0, …], "confidence": [None, …], "accuracy": [None, …]}}

    The three columns have a value for each bin; None: no answer is in the bin.
    """
    bins = np.clip(np.ceil(confidence.ravel() * BINS).astype(np.int64) - 1, 0, BINS - 1)
    answers = np.bincount(bins, minlength=BINS)
    confident, accurate = _sums(confidence, bins), _sums(right.astype(np.float64), bins)
    return {
        "ece": round(float(np.abs(confident - accurate).sum() / answers.sum()), _DIGITS),
        "bins": {
            "answers": answers.tolist(),
            "confidence": _means(confident, answers.tolist()),
            "accuracy": _means(accurate, answers.tolist()),
        },
    }


def _sums(values: Floats, bins: NDArray[np.int64]) -> Floats:
    """100 · values, summed over the answers of each bin, [BINS]."""
    sums = np.bincount(bins, weights=100 * values.ravel(), minlength=BINS)
    return sums.astype(np.float64)


def _means(sums: Floats, answers: list[int]) -> list[float | None]:
    return [
        round(float(each) / count, _DIGITS) if count else None
        for each, count in zip(sums, answers, strict=True)
    ]
