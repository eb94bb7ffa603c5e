"""The measurements of bench.gpu, for one backbone and one kind of episode."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from bench.episode import Episode
from bench.models import FRAMES, QUERY, WAY
from spm.base.yaml_file import read_yaml
from spm.config.train import TrainConfig
from spm.episodes.evaluation import EncodedClips, measure, prepare_clips
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.training_data import EpisodeClips
from spm.model.model import FewShotModel
from spm.training.loop import Execution, TrainingInputs, train

_STEP = 8
"""Episodes of an optimizer step."""
_CLASSES = 10


@dataclass(frozen=True)
class Sizes:
    """The sizes of the measurements."""

    steps: int = 3
    """Optimizer steps of 8 episodes, after one to warm up."""
    evaluated: int = 2000
    """Evaluation episodes; their time is scaled to 10,000 episodes."""
    evaluation_batch: int = 50
    matrix: int = 8192


TOY = Sizes(steps=1, evaluated=20, evaluation_batch=10, matrix=256)


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    backbone: str | None
    shot: int
    together: int = 1
    """Episodes in one forward pass."""
    checkpointing: bool = False

    @property
    def episode(self) -> Episode:
        return Episode(way=WAY, shot=self.shot, query=QUERY, frames=FRAMES)


def training_seconds(model: FewShotModel, case: Case, sizes: Sizes, *, compile: bool) -> float:
    """Seconds an episode in spm.training.loop.train, between the first and last validation."""
    device = next(model.parameters()).device
    seen: list[float] = []

    def note_time(model: FewShotModel) -> float:
        _wait(device)
        seen.append(time.perf_counter())
        return 0.0

    values = read_yaml(Path(__file__).parent.parent / "params.yaml")["train"]
    config = TrainConfig(
        **values
        | {"episodes": _STEP * (1 + sizes.steps), "accumulate": _STEP, "validate_every": _STEP}
        | {"episodes_per_forward": case.together, "compile": compile, "lr": 1e-6}
    )
    inputs = TrainingInputs(
        _SameEpisode(case.episode.pixels(model.image_size)),  # type: ignore[arg-type]
        class_text=torch.randn(WAY, model.channels),
        validate=note_time,
    )
    execution = Execution(
        loader_workers=0, checkpoint_seconds=3600, on_validation=lambda history: None
    )
    train(model, inputs, config, execution=execution, checkpoint=None)
    return (seen[-1] - seen[0]) / (_STEP * sizes.steps)


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

    129 clips a class, as in HMDB51's test split.
    """
    numbers = np.arange(_CLASSES * clips_per_class)
    classes = {f"class{n}": part for n, part in enumerate(np.split(numbers, _CLASSES))}
    sampler = EpisodeSampler(classes, way=WAY, shot=shot, query=QUERY, seed=0, split="test")
    device = next(model.parameters()).device
    features = torch.randn(len(numbers), FRAMES, model.channels, device=device)
    encoded, text = EncodedClips(features, numbers), torch.randn(_CLASSES, model.channels)
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


class _SameEpisode(Dataset[EpisodeClips]):
    """Returns the same episode at no cost. Real loaders read beside the GPU (bench.episodes)."""

    def __init__(self, episode: EpisodeClips) -> None:
        self.episode, self.num_bytes = episode, episode.clips.nbytes

    def __getitem__(self, index: int) -> EpisodeClips:
        return self.episode


def seconds_of(
    call: Callable[[], object], device: torch.device, *, repeats: int = 1, warm: bool = True
) -> float:
    if warm:
        call()
    _wait(device)
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    _wait(device)
    return (time.perf_counter() - start) / repeats


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
