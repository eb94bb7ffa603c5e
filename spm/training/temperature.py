"""Fits T so that softmax(logits / T) says how often an answer is right (Guo et al., ICML 2017).

    NLL(β) = mean over answers of log Σ_n exp(β (z_n − z_y)),  β = 1 / T

z are an answer's logits, y its class. NLL is convex in β, so its one minimum is where the slope
changes sign, and bisection finds it: no step size, no start, the same bits each time.

Two bounds hold where NLL has no minimum at a finite T. For answers no better than chance T grows to
1000 times the mean range of an answer's logits, where all classes are about equally probable. If
every answer is right, NLL falls to 0 with T; but n right answers out of n do not tell how rarely a
wrong one comes. By Laplace's rule of succession the next one is right with p = (n + 1) / (n + 2):
an NLL below −log p counts as no better than −log p, and of all T that reach it the one nearest to 1
is taken.

Shapes: `A` answers, `N` classes.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_WIDEST = 1000.0
_ALIKE = 1e-12
"""Mean range of logits below which all classes are alike, and no T is better than another."""
_HALVINGS = 60


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """T for finite logits [A, N] and the labels [A] of the answers' classes; A, N > 0.

    NLL at T is never above NLL at 1. T of c · logits is c · T, but for the bounds.
    """
    width = float(np.ptp(logits, axis=1).mean())
    if width < _ALIKE:
        return 1.0
    over = _over_own_class(logits, labels)
    best = _root(
        lambda beta: _slope(over, beta),
        min(1.0, 1 / (_WIDEST * width)),
        max(1.0, _WIDEST / width),
    )
    floor = math.log((len(labels) + 2) / (len(labels) + 1))
    if _nll(over, best) < floor:
        best = _root(lambda beta: floor - _nll(over, beta), 1.0, best)
    # The minimum is found to rounding: T = 1 stays where nothing is better.
    return min((1.0, 1 / best), key=lambda each: max(_nll(over, 1 / each), floor))


def nll(logits: Floats, labels: Ints, *, temperature: float) -> float:
    """Mean negative log likelihood, in nats, of the labels [A] under softmax(logits [A, N] / T)."""
    return _nll(_over_own_class(logits, labels), 1 / temperature)


def _over_own_class(logits: Floats, labels: Ints) -> Floats:
    """z_n − z_y, [A, N]."""
    own: Floats = np.take_along_axis(logits, labels[:, None], axis=1)
    return logits - own


def _nll(over: Floats, beta: float) -> float:
    return float(np.logaddexp.reduce(beta * over, axis=1).mean())


def _slope(over: Floats, beta: float) -> float:
    """The derivative of NLL by β: the mean of Σ_n p_n (z_n − z_y)."""
    scaled = beta * over
    p = np.exp(scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True))
    return float((p * over).sum(axis=1).mean())


def _root(rises: Callable[[float], float], low: float, high: float) -> float:
    """Where `rises`, an increasing function of β, crosses 0 in [low, high]; else the nearer end.

    For low > high, `rises` increases from `low` to `high`. Bisects log β.
    """
    if rises(low) >= 0:
        return low
    if rises(high) <= 0:
        return high
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if rises(middle) > 0 else (middle, high)
    return math.sqrt(low * high)
