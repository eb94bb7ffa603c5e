"""What happened in a training: a row per episode, a row per validation."""

import csv
import io
from dataclasses import dataclass, field
from typing import Any

WINDOW = 10
"""Episodes that a point of the training curve averages over."""

_RECENT = 50
"""Episodes that the progress bar and the summary average over."""

LOSS, ACCURACY = "loss", "accuracy"
"""What every method's history has; the terms of its loss follow."""


@dataclass
class History:
    """Grows with the training and travels in its checkpoints."""

    terms: tuple[str, ...]
    """Of the method's loss, as `Method.terms`."""
    episodes: list[list[float]] = field(default_factory=list)
    """Of each episode the values of `columns`; accuracy in percent, the terms not weighted."""
    validations: list[tuple[int, float]] = field(default_factory=list)
    """(episodes so far, accuracy in percent)"""

    @property
    def columns(self) -> tuple[str, ...]:
        """What is kept of each episode."""
        return (LOSS, ACCURACY, *self.terms)

    def recent(self, column: str) -> float:
        """Mean of `column` over the last 50 episodes."""
        values = [row[self.columns.index(column)] for row in self.episodes[-_RECENT:]]
        return sum(values) / len(values)

    def best(self) -> tuple[int, float] | None:
        """The validation with the highest accuracy, the earliest of equals."""
        return max(self.validations, key=lambda row: row[1], default=None)

    def metrics(self) -> dict[str, float]:
        """What the metrics file shows: one number, so that it fits beside the evaluation's."""
        best = self.best()
        return {} if best is None else {"best_val_accuracy": best[1]}

    def summary(self) -> dict[str, float]:
        """What MLflow and the stage's last line show."""
        best = self.best()
        if best is None:
            return {"train_episodes": len(self.episodes)}
        return {
            "train_episodes": len(self.episodes),
            "train_loss": self.recent(LOSS),
            "train_accuracy": self.recent(ACCURACY),
            "best_val_accuracy": best[1],
            "best_val_episode": best[0],
        }

    def rows(self) -> list[dict[str, Any]]:
        """The curves: means over WINDOW episodes, and validations where they happened."""
        rows: dict[int, dict[str, Any]] = {}
        for start in range(0, len(self.episodes), WINDOW):
            window = self.episodes[start : start + WINDOW]
            means = [sum(values) / len(window) for values in zip(*window, strict=True)]
            step = start + len(window)
            rows[step] = {"step": step, **dict(zip(self.columns, means, strict=True))}
        for step, accuracy in self.validations:
            rows.setdefault(step, {"step": step})["val_accuracy"] = accuracy
        return [rows[step] for step in sorted(rows)]

    def csv(self) -> str:
        """The curves as CSV text; a value that was not measured at a step is empty."""
        text = io.StringIO()
        writer = csv.DictWriter(text, ("step", *self.columns, "val_accuracy"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        return text.getvalue()


def regularizer_ratios(
    row: dict[str, Any], *, weights: dict[str, tuple[str, float]]
) -> dict[str, float]:
    """How much each regulariser weighs beside L_CE, from a row of the curves; none without means.

    weights: as `ModelConfig.weights`. {"lambda3 L_H / L_CE": 0.4}, as MLflow takes metric names.
    """
    if not row.get("L_CE"):  # not measured at this step, or nothing left to learn
        return {}
    return {
        f"{parameter} {term} / L_CE": weight * row[term] / row["L_CE"]
        for term, (parameter, weight) in weights.items()
    }
