"""The state of a training, as checkpoints save it, and the error that ends a training."""

import copy
import math
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from spm.base.errors import InputError
from spm.model.model import FewShotModel
from spm.training.history import ACCURACY, History

Weights = dict[str, Tensor]

_MOMENTS = {"exp_avg", "exp_avg_sq", "momentum_buffer"}
"""What Adam, AdamW and SGD keep of each parameter, beside a count of steps."""


class TrainingError(InputError):
    """A loss or a weight is not finite. The last checkpoint is kept."""


class TrainingState:
    """Model, optimizer, learning rate, history and best weights of a training."""

    def __init__(
        self, model: FewShotModel, optimizer: torch.optim.Optimizer, scheduler: LRScheduler
    ) -> None:
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.history = History(model.method.terms)
        self.best: Weights | None = None
        """All weights with the best validation; those of the frozen part are the model's own."""

    def record(self, rows: list[list[float]]) -> None:
        """Appends rows of `History.columns`, one for each episode.

        Raises TrainingError if a value is not finite.
        """
        for row in rows:
            if not all(map(math.isfinite, row)):
                named = zip(self.history.columns, row, strict=True)
                losses = [f"{name} {value}" for name, value in named if name != ACCURACY]
                raise TrainingError(
                    f"episode {len(self.history.episodes)}: {', '.join(losses)} are not all "
                    f"finite{self._remedy()}"
                )
            self.history.episodes.append(row)
            self.history.rates.append(float(self.scheduler.get_last_lr()[0]))

    def check_weights(self) -> None:
        """Raises TrainingError if a trained weight is not finite: the last step may be the first
        that is wrong, and no loss follows it."""
        trained = [each.detach() for each in self.model.parameters() if each.requires_grad]
        if trained and not bool(torch.stack([each.isfinite().all() for each in trained]).all()):
            raise TrainingError(
                f"after {len(self.history.episodes)} episodes: weights are not all "
                f"finite{self._remedy()}"
            )

    def validated(self, done: int, accuracy: float) -> None:
        before = self.history.best()
        self.history.validations.append((done, accuracy))
        if before is None or accuracy > before[1]:
            weights = self.model.state_dict()
            self.best = self._frozen(weights) | copy.deepcopy(self._trained(weights))

    def state(self) -> dict[str, Any]:
        """What `restore` takes. It has no weights of the tower's frozen part: a model that is built
        again has the same."""
        return {
            "model": self._trained(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "episodes": self.history.episodes,
            "validations": self.history.validations,
            "rates": self.history.rates,
            "best": None if self.best is None else self._trained(self.best),
        }

    def restore(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        frozen = self._frozen(self.model.state_dict())
        self.model.load_state_dict(frozen | state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for parameter, moments in self.optimizer.state.items():
            for name in _MOMENTS & moments.keys():  # with the parameter's device and memory layout
                moments[name] = torch.empty_like(parameter).copy_(moments[name])
        self.scheduler.load_state_dict(state["scheduler"])
        self.history = History(
            self.history.terms, state["episodes"], state["validations"], state["rates"]
        )
        self.best = None if state["best"] is None else frozen | state["best"]

    def _remedy(self) -> str:
        if not self.scheduler.last_epoch:
            return (
                " before the first optimizer step. Nothing was learned yet, so train.lr is not the "
                "cause: look at the values of the section model, and at backbone.weights, "
                "backbone.precision and model.init_from"
            )
        return (
            f". Lower train.lr (the last step had the rate {self.history.rates[-1]:.3g}); the last "
            "checkpoint is kept"
        )

    def _frozen(self, weights: Weights) -> Weights:
        return {name: value for name, value in weights.items() if self.model.is_frozen(name)}

    def _trained(self, weights: Weights) -> Weights:
        return {name: value for name, value in weights.items() if not self.model.is_frozen(name)}
