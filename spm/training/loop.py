"""The training loop: episodes, accumulated gradients, validation, checkpoints.

The randomness of episode i depends on (seed, i) only, and checkpoints are saved after optimizer
steps. A killed and resumed training so ends with the weights of an uninterrupted one, bit for bit
on the CPU. Several ranks share the episodes of each step and sum their gradients; they end with the
weights of a single rank, to rounding.

The loop synchronises with a GPU once per interval of the schedule, when it reads the losses.
Shapes: `E` episodes in one forward pass, `S` supports.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from tqdm import tqdm

from spm.base.progress import progress_bar
from spm.config.train import TrainConfig
from spm.episodes.ranks import ALONE, Ranks
from spm.episodes.training_data import EpisodeClips, TrainingEpisodes, load_episodes
from spm.model.model import FewShotModel
from spm.training.batch_statistics import RunningStatistics
from spm.training.checkpoint import Checkpoint
from spm.training.history import History
from spm.training.learning_rate import build_scheduler
from spm.training.optimizer import build_optimizer
from spm.training.passes import Passes
from spm.training.schedule import Interval, schedule
from spm.training.state import TrainingState


@dataclass(frozen=True)
class TrainingInputs:
    """The data of a training."""

    episodes: TrainingEpisodes
    class_text: Tensor | None
    """[training classes, C], in the order of the sampler's class names; None: no text tower."""
    validate: Callable[[FewShotModel], float]
    """Model -> accuracy in percent on the validation split."""


@dataclass(frozen=True)
class Execution:
    """How this machine runs the loop; no field changes a weight."""

    loader_workers: int
    checkpoint_seconds: float
    on_validation: Callable[[History], None]
    ranks: Ranks = ALONE
    cuda_graph: bool = False
    """On a GPU, run the method's part of a pass as a CUDA graph."""
    told: Callable[[str], object] = tqdm.write
    """Is told what a user should know, on rank 0."""


def train(
    model: FewShotModel,
    inputs: TrainingInputs,
    config: TrainConfig,
    *,
    execution: Execution,
    checkpoint: Checkpoint | None,
) -> History:
    """Trains `model` in place. At the end `model` has the weights with the best validation.

    checkpoint: None on all ranks but rank 0. Raises TrainingError on all ranks if a loss, or
    a weight that is to be validated, is not finite.
    """
    ranks, device = execution.ranks, next(model.parameters()).device
    optimizer = build_optimizer(model, config, device=device)
    scheduler = build_scheduler(optimizer, config)
    run = TrainingState(model, optimizer, scheduler)
    run.restore(ranks.broadcast(checkpoint.load() if checkpoint else None))
    if config.compile:
        model.backbone.visual.compile()
    one_pass = Passes(
        model,
        inputs.class_text,
        config,
        cuda_graph=execution.cuda_graph,
        told=execution.told if ranks.first else _silence,
    )
    if run.history.validations:
        execution.on_validation(run.history)

    first = len(run.history.episodes)
    if first and checkpoint:
        execution.told(f"train: goes on after {first} episodes, from {checkpoint.path}")
    intervals = list(schedule(config, first=first))
    indices = _own_episodes(intervals, ranks, together=config.episodes_per_forward)
    loader = load_episodes(inputs.episodes, indices, workers=execution.loader_workers)
    saved_at = time.monotonic()
    with progress_bar(
        total=config.episodes, initial=first, desc="train", unit="ep", disable=not ranks.first
    ) as bar:
        for interval in intervals:
            model.backbone.validated = bool(run.history.validations)
            model.train()
            statistics = RunningStatistics(model, ranks)
            begin, done = interval.episodes.start, interval.episodes.stop
            shape = (done - begin, len(run.history.columns))
            rows = torch.zeros(shape, dtype=torch.float64, device=device)
            for number, group in enumerate(interval.groups(config.episodes_per_forward)):
                if ranks.mine(number):
                    loaded = islice(loader, len(group))
                    episodes = EpisodeClips.stack(episode.to(device) for episode in loaded)
                    torch.manual_seed(_dropout_seed(config.seed, group.start))
                    rows[group.start - begin : group.stop - begin] = one_pass(episodes)
                else:
                    statistics.skip()
                bar.update(len(group))
            statistics.join()
            ranks.sum_([rows])
            run.record(rows.tolist())
            bar.set_postfix(
                loss=f"{run.history.recent('loss'):.3f}",
                acc=f"{run.history.recent('accuracy'):.1f}%",
                refresh=False,
            )

            if interval.steps:
                ranks.sum_gradients(model)
                optimizer.step()
                optimizer.zero_grad()
                scheduler.step()
            if interval.validates:
                run.check_weights()
                run.validated(done, inputs.validate(model))
                execution.on_validation(run.history)
            due = time.monotonic() - saved_at >= execution.checkpoint_seconds
            if checkpoint and (done == config.episodes or (interval.steps and due)):
                checkpoint.save(run.state())
                saved_at = time.monotonic()
    if run.best is not None:
        model.load_state_dict(run.best)
    return run.history


def _own_episodes(intervals: list[Interval], ranks: Ranks, *, together: int) -> list[int]:
    """Indices of the episodes that this rank runs, in order."""
    return [
        index
        for interval in intervals
        for number, group in enumerate(interval.groups(together))
        if ranks.mine(number)
        for index in group
    ]


def _silence(line: str) -> None:
    """What the other ranks say."""


def _dropout_seed(seed: int, index: int) -> int:
    return seed * 1_000_003 + index
