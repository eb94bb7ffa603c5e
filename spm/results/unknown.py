"""How well a model tells clips that are none of an episode's classes, and what a promise came to.

    AUROC                      how often a query of the episode's classes scores above one of others
    false alarms at 95 %       the queries of others that pass the threshold which 95 % of the
                               queries of the episode's classes pass
    promise                    the threshold that validation gives, and the false alarms it lets
                               through here

All in percent. Intervals: 95 %, of a bootstrap over episodes; they do not cover other classes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from spm.episodes.evaluation import Measurement, OpenScores
from spm.episodes.open_set import BEST
from spm.episodes.scores import Floats
from spm.episodes.threshold import PROMISED, Threshold, fit_threshold, why_none
from spm.model.model import FewShotModel

_RECALL = 0.95
_RESAMPLES, _SEED = 500, 0
_DIGITS = 4

COLUMNS = ("actual", "taken_for", "queries", "percent")
"""Of unknown.csv."""
_NONE = -1

Statistic = Callable[[Floats, Floats], float]
"""Scores of known and of unknown queries -> percent."""


def unknown_document(scores: OpenScores, promise: Threshold | str) -> dict[str, Any]:
    """The value of `unknown` in evaluate.json. promise: a threshold, or why there is none."""
    episodes, queries = next(iter(scores.unknown.values())).shape
    measured = {
        name: _with_interval("auroc", auroc, known, scores.unknown[name])
        | _with_interval("false_alarms_at_95", false_alarms, known, scores.unknown[name])
        for name, known in scores.known.items()
    }
    return {
        "episodes": episodes,
        "queries": queries,
        "scores": measured,
        "promise": {"reason": promise} if isinstance(promise, str) else _kept(promise, scores),
    }


def unknown_rows(measurement: Measurement, promise: Threshold | str) -> list[dict[str, Any]]:
    """A row for each pair of classes: actual, taken_for, queries, percent of actual's queries.

    Of queries whose class is none of their episode's; [] if none were asked. taken_for "", the
    first of each class: none of the classes, by the promised threshold. Where there is no promise,
    there is no such row, and every query is taken for a class.
    """
    scores, class_names = measurement.open_set, measurement.class_names
    if scores is None:
        return []
    taken_for = scores.taken_for.copy()
    if not isinstance(promise, str):
        taken_for[scores.unknown[BEST] < promise.value] = _NONE
    columns = [*([] if isinstance(promise, str) else [_NONE]), *range(len(class_names))]
    rows = []
    for number, name in enumerate(class_names):
        answers = taken_for[scores.actual == number]
        for column in columns:
            queries = int((answers == column).sum())
            taken = "" if column == _NONE else class_names[column]
            percent = round(100 * queries / max(len(answers), 1), 2)
            rows.append(dict(zip(COLUMNS, (name, taken, queries, percent), strict=True)))
    return rows


def promise_of(model: FewShotModel, *, way: int, shot: int) -> Threshold | str:
    """The threshold that promises `PROMISED` in episodes of this size, or why there is none."""
    if reason := why_none(model):
        return reason
    return fit_threshold(model, way=way, shot=shot, false_alarms=PROMISED)


def auroc(known: Floats, unknown: Floats) -> float:
    """100 · (P(known > unknown) + P(known = unknown) / 2)."""
    ordered = np.sort(unknown, axis=None)
    below = np.searchsorted(ordered, known.ravel(), side="left")
    not_above = np.searchsorted(ordered, known.ravel(), side="right")
    return float(100 * (below + not_above).mean() / 2 / len(ordered))


def false_alarms(known: Floats, unknown: Floats) -> float:
    """The unknown queries at or above the threshold that 95 % of the known ones reach."""
    threshold = np.quantile(known, 1 - _RECALL, method="lower")
    return float(100 * (unknown >= threshold).mean())


def _kept(promise: Threshold, scores: OpenScores) -> dict[str, Any]:
    """The promise, and what came of it."""
    known, unknown = scores.known[BEST], scores.unknown[BEST]
    return {
        "promised": 100 * promise.false_alarms,
        "threshold": round(promise.value, _DIGITS),
        "way": promise.way,
        "shot": promise.shot,
        **_with_interval("false_alarms", lambda _, u: _passed(u, promise), known, unknown),
        **_with_interval("recall", lambda k, _: _passed(k, promise), known, unknown),
    }


def _passed(scores: Floats, promise: Threshold) -> float:
    return float(100 * (scores >= promise.value).mean())


def _with_interval(
    name: str, statistic: Statistic, known: Floats, unknown: Floats
) -> dict[str, Any]:
    """{name: 87.4, name_ci95: [86.1, 88.6]}; known [E, q], unknown [E, u]."""
    rng = np.random.default_rng(_SEED)
    drawn = rng.integers(len(known), size=(_RESAMPLES, len(known)))
    resampled = [statistic(known[rows], unknown[rows]) for rows in drawn]
    low, high = np.quantile(resampled, [0.025, 0.975])
    interval = [round(float(low), _DIGITS), round(float(high), _DIGITS)]
    return {name: round(statistic(known, unknown), _DIGITS), f"{name}_ci95": interval}
