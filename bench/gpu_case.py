"""Runs and times the work that bench.gpu measures: training steps and evaluation episodes.

Shapes: `S`, `Q` supports and queries of an episode, `T` frames, `C` channels.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from bench.episode import Episode
from bench.models import FRAMES, QUERY, WAY, features
from spm.base.yaml_file import read_yaml
from spm.config.train import TrainConfig
from spm.episodes.evaluation import EncodedClips, measure, prepare_clips
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.training_data import EpisodeClips
from spm.model.model import FewShotModel
from spm.training.loop import Execution, TrainingInputs, train

STEP = 8
"""Episodes of an optimizer step."""
_CLASSES = 10
"""Of the texts, in training and in evaluation."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of the measurements."""

    steps: int = 3
    """Optimizer steps of 8 episodes, after one to warm up."""
    frozen_steps: int = 12
    """The same for training on stored features."""
    loaded_steps: int = 6
    """The same for training that reads from a store."""
    evaluated: int = 1000
    """Evaluation episodes."""
    evaluation_batch: int = 50
    matrix: int = 8192
    loaders: int = 8
    """Loader processes."""


TOY = Sizes(
    steps=1,
    frozen_steps=1,
    loaded_steps=1,
    evaluated=20,
    evaluation_batch=10,
    matrix=256,
    loaders=1,
)


@dataclass(frozen=True)
class Case:
    """One kind of training."""

    name: str
    backbone: str | None
    shot: int
    together: int = 1
    """Episodes in one forward pass."""
    checkpointing: bool = False
    compiled: bool = False
    recorded: bool = False
    """Whether the method's part runs as a CUDA graph."""

    @property
    def episode(self) -> Episode:
        return Episode(way=WAY, shot=self.shot, query=QUERY, frames=FRAMES)

    @property
    def about(self) -> dict[str, Any]:
        """The first columns of the case's row."""
        return {
            "backbone": self.name,
            "shot": self.shot,
            "together": self.together,
            "checkpointing": self.checkpointing,
            "compiled": self.compiled,
            "recorded": self.recorded,
        }


def training_seconds(
    model: FewShotModel,
    case: Case,
    *,
    steps: int,
    episodes: Dataset[EpisodeClips] | None = None,
    loaders: int = 0,
) -> float:
    """Seconds an episode in spm.training.loop.train, after the first optimizer step.

    episodes: the same pixels again and again, or stored features for a frozen tower, if None.
    """
    seen: list[float] = []
    train_steps(
        model,
        case,
        steps=steps,
        episodes=episodes,
        loaders=loaders,
        after_step=lambda: seen.append(time.perf_counter()),
    )
    return (seen[-1] - seen[0]) / (STEP * steps)


def train_steps(
    model: FewShotModel,
    case: Case,
    *,
    steps: int,
    after_step: Callable[[], None],
    episodes: Dataset[EpisodeClips] | None = None,
    loaders: int = 0,
) -> None:
    """Trains for 1 + `steps` optimizer steps. Calls `after_step` after each, with an idle GPU."""
    device = next(model.parameters()).device

    def validate(model: FewShotModel) -> float:
        wait(device)
        after_step()
        return 0.0

    values = read_yaml(Path(__file__).parent.parent / "params.yaml")["train"]
    config = TrainConfig(
        **values
        | {"episodes": STEP * (1 + steps), "accumulate": STEP, "validate_every": STEP}
        | {"episodes_per_forward": case.together, "compile": case.compiled, "lr": 1e-6}
    )
    inputs = TrainingInputs(
        episodes or SameEpisode(drawn(model, case)),  # type: ignore[arg-type]
        class_text=torch.randn(_CLASSES, model.channels),
        validate=validate,
    )
    execution = Execution(
        loader_workers=loaders,
        checkpoint_seconds=3600,
        on_validation=lambda history: None,
        cuda_graph=case.recorded,
        told=_not_recorded,
    )
    train(model, inputs, config, execution=execution, checkpoint=None)


def _not_recorded(line: str) -> None:
    """A row that says "recorded" is of a recording."""
    raise RuntimeError(line)


def drawn(model: FewShotModel, case: Case) -> EpisodeClips:
    """An episode of pixels [S + Q, T, H, W, 3]; of a frozen tower's features [S + Q, T, C]."""
    episode = case.episode.pixels(model.image_size)
    if not model.has_frozen_part:
        return episode
    return replace(episode, clips=features(case.episode.clips, channels=model.channels))


def tower_seconds(model: FewShotModel, case: Case, device: torch.device) -> float:
    """Seconds an episode in the visual tower, forward and backward."""
    pixels = EpisodeClips.stack([case.episode.pixels(model.image_size)] * case.together)
    on_device = pixels.to(device).clips
    model.train()
    seconds = seconds_of(lambda: model.encode_video(on_device).sum().backward(), device, repeats=4)
    return seconds / case.together


def evaluation_seconds(
    model: FewShotModel, *, shot: int, episodes: int, batch: int, clips_per_class: int = 129
) -> float:
    """Seconds of `episodes` on encoded clips of ten classes, as stages.evaluate runs them.

    129 clips a class, as in HMDB51's test split. Preparing the clips is in it.
    """
    numbers = np.arange(_CLASSES * clips_per_class)
    classes = {f"class{n}": part for n, part in enumerate(np.split(numbers, _CLASSES))}
    sampler = EpisodeSampler(classes, way=WAY, shot=shot, query=QUERY, seed=0, split="test")
    device = next(model.parameters()).device
    of_clips = torch.randn(len(numbers), FRAMES, *model.feature_shape, device=device)
    encoded, text = EncodedClips(of_clips, numbers), torch.randn(_CLASSES, model.channels)
    model.eval()

    def evaluate(episodes: int) -> None:
        prepared = prepare_clips(model, encoded, classes=classes, class_text=text)
        measure(
            {"model": model.method.classify},
            encoded=prepared,
            sampler=sampler,
            class_text=text,
            episodes=episodes,
            batch=batch,
            progress=False,
        )

    evaluate(batch)
    return seconds_of(lambda: evaluate(episodes), device, warm=False)


class SameEpisode(Dataset[EpisodeClips]):
    """Returns the same episode at no cost: pinned already, as loader processes would have it."""

    def __init__(self, episode: EpisodeClips) -> None:
        self.episode = episode.pin_memory() if torch.cuda.is_available() else episode
        self.num_bytes = episode.clips.nbytes

    def __getitem__(self, index: int) -> EpisodeClips:
        return self.episode


def seconds_of(
    call: Callable[[], object], device: torch.device, *, repeats: int = 1, warm: bool = True
) -> float:
    if warm:
        call()
    wait(device)
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    wait(device)
    return (time.perf_counter() - start) / repeats


def wait(device: torch.device) -> None:
    """Waits until `device` has done all work that was queued."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
