"""What a training tells while it runs: its curve, to MLflow, and what looks wrong in it."""

import sys
from collections.abc import Callable
from typing import Any

from spm.config.model import ModelConfig
from spm.training.history import RATIOS, History, regularizer_ratios
from stages.tracking import runs as tracking


def silence(history: History) -> None:
    """For ranks other than the first."""


def reporter(run: tracking.Run, model: ModelConfig) -> Callable[[History], None]:
    """Sends the curve's new rows to MLflow at every validation, and warns of large regularisers."""
    sent, warned = 0, set[str]()

    def report(history: History) -> None:
        nonlocal sent
        rows = [
            row | regularizer_ratios(row, lambda3=model.lambda3, lambda4=model.lambda4)
            for row in history.rows()
        ]
        run.log_history(rows[sent:])
        _warn_of_regularizers(rows[sent:], warned)
        sent = len(rows)

    return report


def _warn_of_regularizers(rows: list[dict[str, Any]], warned: set[str]) -> None:
    """Once a term: sums over clips grow with the episode, and can outweigh the task itself."""
    for row in rows:
        for name in [name for name in RATIOS if row.get(name, 0) > 1 and name not in warned]:
            warned.add(name)
            print(
                f"warning: at episode {row['step']} {name} is {row[name]:.1f}: the regulariser "
                "outweighs L_CE. Lower its λ, or take means (model.consistency_reduction, "
                "model.text_ensemble, model.motion_reduction)",
                file=sys.stderr,
            )
