"""Reports a running training: sends its learning curve to MLflow, and warns of regularisers."""

import sys
from collections.abc import Callable
from typing import Any

from spm.config.model import ModelConfig
from spm.training.history import History, regularizer_ratios
from stages.tracking import runs as tracking


def silence(history: History) -> None:
    """Reports nothing; for all ranks but rank 0."""


def reporter(run: tracking.Run, model: ModelConfig) -> Callable[[History], None]:
    """A function for `Execution.on_validation`: sends the curve's new rows to MLflow, and warns of
    regularisers that outweigh L_CE."""
    sent, warned = 0, set[str]()

    def report(history: History) -> None:
        nonlocal sent
        rows = [row | regularizer_ratios(row, weights=model.weights) for row in history.rows()]
        run.log_history(rows[sent:])
        _warn_of_regularizers(rows[sent:], model, warned)
        sent = len(rows)

    return report


def _warn_of_regularizers(rows: list[dict[str, Any]], model: ModelConfig, warned: set[str]) -> None:
    """Warns once for each regulariser that exceeds L_CE; sums over clips grow with the episode."""
    for row in rows:
        ratios = regularizer_ratios(row, weights=model.weights)
        for name in [name for name, ratio in ratios.items() if ratio > 1 and name not in warned]:
            warned.add(name)
            print(
                f"warning: at episode {row['step']} {name} is {ratios[name]:.1f}: the regulariser "
                f"outweighs L_CE. Lower model.{name.split()[0]}, or take means where model and "
                "prompts take sums",
                file=sys.stderr,
            )
