"""A small training on any device: builtin-clip on random episodes, by the project's own loop."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spm.base.yaml_file import read_yaml
from spm.config.train import TrainConfig
from spm.episodes.augmentation import AugmentedClips
from spm.episodes.device import place
from spm.episodes.ranks import ALONE, Ranks
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.training_data import TrainingEpisodes
from spm.frames.store import FrameStore
from spm.model.model import FewShotModel, build_model
from spm.training.checkpoint import hold
from spm.training.history import ACCURACY, History
from spm.training.loop import Execution, TrainingInputs, train
from stages.shared import params
from tests.models import spec
from tests.stores import make_store

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
DEVICES = [
    pytest.param(CPU, id="cpu", marks=pytest.mark.slow),
    pytest.param(GPU, id="cuda", marks=pytest.mark.cuda),
]
"""The cases on the CPU test the measuring."""
PASSES = [
    pytest.param(CPU, False, id="cpu", marks=pytest.mark.slow),
    pytest.param(GPU, False, id="cuda", marks=pytest.mark.cuda),
    pytest.param(GPU, True, id="cuda graph", marks=pytest.mark.cuda),
]
"""Devices, and whether the method's part of a pass is recorded."""

ACCUMULATE, STEPS = 2, 20
"""Episodes of an optimizer step, and optimizer steps of a training."""


def store_of(folder: Path) -> FrameStore:
    """Five training classes; frames of 64 × 64 pixels, cropped to builtin-clip's 56."""
    return make_store(folder, classes={"train": 5}, side=64)


def model_on(device: torch.device, *, dropout: float = 0.0, **backbone: Any) -> FewShotModel:
    """builtin-clip with its weights, and a small head, as `train` places them."""
    built_in = {"name": "builtin-clip", "weights": "built-in"}
    config = spec(backbone=built_in | backbone, attention_dropout=dropout, dropout=dropout)
    return place(build_model(config), device)


def episodes_of(store: FrameStore, model: FewShotModel) -> TrainingEpisodes:
    """3-way 1-shot with 2 queries a class: 9 clips of 4 frames."""
    sampler = EpisodeSampler(store.classes("train"), way=3, shot=1, query=2, seed=0, split="train")
    clips = AugmentedClips(store, size=model.image_size, flip=False)
    return TrainingEpisodes(clips, sampler, seed=0)


def trained(
    store: FrameStore,
    model: FewShotModel,
    *,
    steps: int = STEPS,
    folder: Path | None = None,
    ranks: Ranks = ALONE,
    validate: Any = lambda model: 50.0,
    cuda_graph: bool = False,
    loader_workers: int = 0,
    **changes: Any,
) -> History:
    """folder: of a checkpoint, saved after each optimizer step; None: no checkpoint.

    The learning rate lets rounding grow slowly: with ten times as much, float32 on a CPU is 0.014
    away from float64 after 20 steps instead of 0.0002.
    """
    small = {"episodes": ACCUMULATE * steps, "accumulate": ACCUMULATE, "lr": 1e-4}
    small |= {"validate_every": ACCUMULATE * steps, "schedule": "constant"}
    config = TrainConfig(**read_yaml(params.PARAMS)["train"] | small | changes)
    text = torch.randn(5, model.channels, generator=torch.Generator().manual_seed(0))
    inputs = TrainingInputs(episodes_of(store, model), text, validate)
    execution = Execution(
        loader_workers=loader_workers,
        checkpoint_seconds=0,
        on_validation=lambda history: None,
        ranks=ranks,
        cuda_graph=cuda_graph,
    )
    with hold(folder) if folder else nullcontext() as checkpoint:
        return train(model, inputs, config, execution=execution, checkpoint=checkpoint)


def losses(history: History) -> np.ndarray:
    """L of each episode."""
    assert history.columns[0] != ACCURACY
    return np.array(history.episodes)[:, 0]
