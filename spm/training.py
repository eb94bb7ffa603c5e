"""The training loop: episodes, accumulated gradients, validation, checkpoints.

Everything random at episode i follows from (seed, i), and checkpoints fall between optimizer
steps: a run that was killed and resumed has the same weights, bit for bit on the CPU, as one that
never was.
"""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from spm.checkpoint import Checkpoint
from spm.config.train import TrainConfig
from spm.history import History
from spm.losses import Losses
from spm.model import ClipSPM
from spm.progress import progress_bar
from spm.training_data import EpisodePixels, TrainingEpisodes, load_episodes


class TrainingError(RuntimeError):
    """The optimisation broke; the last good checkpoint is kept."""


@dataclass(frozen=True)
class TrainingInputs:
    """What the loop works on."""

    episodes: TrainingEpisodes
    class_text: Tensor
    """[training classes, C] in the order of the sampler's class names."""
    validate: Callable[[ClipSPM], float]
    """Accuracy in percent on the validation split."""


@dataclass(frozen=True)
class Schedule:
    """How the loop runs here; nothing in it changes a weight."""

    loader_workers: int
    checkpoint_seconds: float
    on_validation: Callable[[History], None]


def train(
    model: ClipSPM,
    inputs: TrainingInputs,
    config: TrainConfig,
    *,
    schedule: Schedule,
    checkpoint: Checkpoint,
) -> History:
    """Trains `model` in place and leaves it with the weights that validated best.

    Raises TrainingError where a loss is not finite.
    """
    device = next(model.parameters()).device
    optimizer = torch.optim.Adam(
        model.parameters(),
        lr=config.lr,
        betas=(config.betas[0], config.betas[1]),
        weight_decay=config.weight_decay,
    )
    run = _Run(model, optimizer)
    run.restore(checkpoint.load(device))
    if run.history.validations:
        schedule.on_validation(run.history)

    first = len(run.history.episodes)
    if first:
        tqdm.write(f"train: goes on after {first} episodes, from {checkpoint.path}")
    indices = range(first, config.episodes)
    loader = load_episodes(inputs.episodes, indices, workers=schedule.loader_workers)
    class_text = inputs.class_text.to(device)
    saved_at = time.monotonic()
    with progress_bar(total=config.episodes, initial=first, desc="train", unit="ep") as bar:
        for index, episode in zip(indices, loader, strict=True):
            model.backbone.validated = bool(run.history.validations)
            model.train()
            torch.manual_seed(_dropout_seed(config.seed, index))
            losses = episode_losses(model, episode, class_text, device=device)
            run.record(index, losses, episode)
            torch.autograd.backward(_objective(losses, config))

            done = index + 1
            bar.update()
            bar.set_postfix(
                loss=f"{run.history.recent('loss'):.3f}",
                acc=f"{run.history.recent('accuracy'):.1f}%",
                refresh=False,
            )
            last = done == config.episodes
            stepped = (done + config.steps_early) % config.accumulate == 0
            if stepped or (last and not config.steps_early):
                optimizer.step()
                optimizer.zero_grad()
            if done % config.validate_every == 0 or last:
                run.validated(done, inputs.validate(model))
                schedule.on_validation(run.history)
            due = time.monotonic() - saved_at >= schedule.checkpoint_seconds
            if last or (stepped and due):
                checkpoint.save(run.state())
                saved_at = time.monotonic()
    if run.best is not None:
        model.load_state_dict(run.best)
    return run.history


def episode_losses(
    model: ClipSPM, episode: EpisodePixels, class_text: Tensor, *, device: torch.device
) -> Losses:
    """One forward pass: supports and queries are encoded in one batch."""
    features = model.encode_video(episode.pixels.to(device, non_blocking=True))
    num_support = len(episode.support_labels)
    return model.losses(
        features[:num_support],
        episode.support_labels.to(device),
        features[num_support:],
        episode.query_labels.to(device),
        class_text[episode.classes.to(device)],
    )


def _objective(losses: Losses, config: TrainConfig) -> Tensor:
    """What an episode adds to the step that it belongs to."""
    if config.loss == "mean":
        return losses.total / config.accumulate
    num_queries = losses.logits.shape[-2]
    return losses.cross_entropy * num_queries / config.accumulate + losses.regularizers


class _Run:
    """Everything of a training that a checkpoint holds."""

    def __init__(self, model: ClipSPM, optimizer: torch.optim.Optimizer) -> None:
        self.model, self.optimizer = model, optimizer
        self.history = History()
        self.best: dict[str, Tensor] | None = None

    def record(self, index: int, losses: Losses, episode: EpisodePixels) -> None:
        labels = episode.query_labels.to(losses.logits.device)
        accuracy = 100 * (losses.logits.argmax(dim=-1) == labels).double().mean()
        terms = (losses.total, accuracy, losses.cross_entropy, losses.motion, losses.semantic)
        row = torch.stack([term.detach().double() for term in terms]).tolist()
        if not all(map(math.isfinite, row)):
            raise TrainingError(
                f"episode {index}: loss {row[0]}, L_CE {row[2]}, L_H {row[3]}, L_S {row[4]} are "
                "not all finite. Lower train.lr; the last checkpoint is kept"
            )
        self.history.episodes.append(row)

    def validated(self, done: int, accuracy: float) -> None:
        before = self.history.best()
        self.history.validations.append((done, accuracy))
        if before is None or accuracy > before[1]:
            self.best = copy.deepcopy(self.model.state_dict())

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "episodes": self.history.episodes,
            "validations": self.history.validations,
            "best": self.best,
        }

    def restore(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = History(state["episodes"], state["validations"])
        self.best = state["best"]


def _dropout_seed(seed: int, index: int) -> int:
    return seed * 1_000_003 + index
