"""Benchmarks training on stored features of a frozen tower, against fine-tuning the tower.

A round is one optimizer step, as spm.training.loop makes it: `train.accumulate` episodes, each with
forward and backward pass, then Adam. Both sides find their episode in memory: reading it, and
encoding the clips for the frozen side once, are not in it. CPU time, one thread.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from bench.episode import Episode
from bench.models import BACKBONES, FRAMES, QUERY, WAY, build, features, pixels
from bench.timing import Line, interleaved
from spm.base.yaml_file import read_yaml
from spm.config.train import TrainConfig
from spm.episodes.training_data import EpisodeClips
from spm.model.model import FewShotModel
from spm.training.losses import episode_losses
from spm.training.optimizer import build_optimizer

EPISODE = Episode(WAY, shot=1, query=QUERY, frames=FRAMES)
TARGET = 10.0

_TOGETHER = (1, 2)
_PARAMS = Path(__file__).parent.parent / "params.yaml"


def lines() -> Iterator[Line]:
    """Lines with the seconds of a training episode, 5-way 1-shot with 4 queries."""
    yield from builtin_lines()
    yield vit_line()


def builtin_lines(*, rounds: int = 15) -> Iterator[Line]:
    """builtin-clip with params.yaml, for one and two episodes in a forward pass."""
    for together in _TOGETHER:
        tuned, frozen = build(frozen=False), build(frozen=True)
        clips = pixels(EPISODE.clips, size=tuned.image_size)
        stored = frozen.encode_frozen(clips)
        seconds = interleaved(
            {
                "tuned": optimizer_step(tuned, clips, together=together),
                "frozen": optimizer_step(frozen, stored, together=together),
            },
            rounds=rounds,
            clock=time.process_time,
        )
        yield _line(f"builtin-clip, {together} together", seconds["frozen"], seconds["tuned"])


def vit_line(*, rounds: int = 2) -> Line:
    """ViT-B/16, an episode alone in a forward pass.

    The tower is fine-tuned on one of the episode's 25 clips, and its time multiplied by 25. Head
    and its optimizer step are measured once, and count on both sides. Adam's step for the tower is
    left out.
    """
    tuned, frozen = (build(BACKBONES["ViT-B/16"], frozen=each) for each in (False, True))
    clip, stored = pixels(1, size=tuned.image_size), features(EPISODE.clips, channels=512)
    seconds = interleaved(
        {
            "tower": lambda: tuned.encode_video(clip).sum().backward(),
            "frozen": optimizer_step(frozen, stored, together=1),
        },
        rounds=rounds,
        clock=time.process_time,
    )
    tower = seconds["tower"] * EPISODE.clips * _train().accumulate
    return _line("ViT-B/16, alone", seconds["frozen"], seconds["frozen"] + tower)


def optimizer_step(
    model: FewShotModel,
    clips: Tensor,
    *,
    together: int,
    config: TrainConfig | None = None,
    classes: int = WAY,
) -> Callable[[], None]:
    """An optimizer step of `train.accumulate` episodes, all of the same clips.

    clips: as FewShotModel.encode takes them. together: the episodes in a forward pass. config:
    params.yaml's if None. classes: of training, whose texts there are.
    """
    model.train()
    config = config or _train()
    optimizer = build_optimizer(model, config, device=clips.device)
    episode = replace(EPISODE.pixels(1), clips=clips)
    episodes = EpisodeClips.stack([episode] * together)
    text = torch.randn(classes, model.channels)

    def step() -> None:
        for _ in range(config.accumulate // together):
            losses = episode_losses(model, episodes, text)
            torch.autograd.backward(losses.total.sum() / config.accumulate)
        optimizer.step()
        optimizer.zero_grad()

    return step


def _line(what: str, frozen: float, tuned: float) -> Line:
    """From the seconds of an optimizer step."""
    episodes = _train().accumulate
    name = f"a training episode on stored features, {what}"
    return Line(name, "fine-tuned", frozen / episodes, tuned / episodes, TARGET)


def _train() -> TrainConfig:
    return TrainConfig(**read_yaml(_PARAMS)["train"])
