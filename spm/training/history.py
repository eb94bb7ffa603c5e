"""The record of a training: loss, accuracy and learning rate of each episode, and validations."""

import csv
import io
from dataclasses import dataclass, field
from typing import Any

WINDOW = 10
"""Number of episodes that a point of the training curve averages over."""

_RECENT = 50
"""Number of episodes that the progress bar and the summary average over."""

LOSS, ACCURACY = "loss", "accuracy"
"""The columns that every method has; the terms of the method's loss follow."""

LEARNING_RATE = "lr"


@dataclass
class History:
    """The record of a training so far. Checkpoints save it."""

    terms: tuple[str, ...]
    """The terms of the method's loss (`Method.terms`)."""
    episodes: list[list[float]] = field(default_factory=list)
    """A row for each episode, the values of `columns`; accuracy in percent, terms not weighted."""
    validations: list[tuple[int, float]] = field(default_factory=list)
    """(episodes so far, accuracy in percent)"""
    rates: list[float] = field(default_factory=list)
    """For each episode, the learning rate of the optimizer step that it goes into."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the values in a row of `episodes`."""
        return (LOSS, ACCURACY, *self.terms)

    def recent(self, column: str) -> float:
        """Mean of `column` over the last 50 episodes."""
        values = [row[self.columns.index(column)] for row in self.episodes[-_RECENT:]]
        return sum(values) / len(values)

    def best(self) -> tuple[int, float] | None:
        """The validation with the highest accuracy; of several, the earliest. None: none yet."""
        return max(self.validations, key=lambda row: row[1], default=None)

    def metrics(self) -> dict[str, float]:
        """The content of train.json: one number, so that `dvc metrics show` stays readable."""
        best = self.best()
        return {} if best is None else {"best_val_accuracy": best[1]}

    def summary(self) -> dict[str, float]:
        """The final metrics of the training, for MLflow and the stage's last line."""
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
        """The learning curves, by step: means over WINDOW episodes, the learning rate of the last
        of them, and validation accuracies."""
        rows: dict[int, dict[str, Any]] = {}
        for start in range(0, len(self.episodes), WINDOW):
            window = self.episodes[start : start + WINDOW]
            means = [sum(values) / len(window) for values in zip(*window, strict=True)]
            step = start + len(window)
            rows[step] = {"step": step, **dict(zip(self.columns, means, strict=True))}
            rows[step][LEARNING_RATE] = self.rates[step - 1]
        for step, accuracy in self.validations:
            rows.setdefault(step, {"step": step})["val_accuracy"] = accuracy
        return [rows[step] for step in sorted(rows)]

    def csv(self) -> str:
        """The learning curves as CSV; the cell of a value not measured at a step is empty."""
        text = io.StringIO()
        columns = ("step", *self.columns, LEARNING_RATE, "val_accuracy")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        return text.getvalue()


def regularizer_ratios(
    row: dict[str, Any], *, weights: dict[str, tuple[str, float]]
) -> dict[str, float]:
    """The ratio of each weighted regulariser to L_CE in a row of the learning curves.

    {"lambda3 L_H / L_CE": 0.4}, names that MLflow allows. weights: as `ModelConfig.weights`. Empty
    for a row without L_CE.
    """
    if not row.get("L_CE"):  # not measured at this step, or 0
        return {}
    return {
        f"{parameter} {term} / L_CE": weight * row[term] / row["L_CE"]
        for term, (parameter, weight) in weights.items()
    }
