"""A training episode of any size, and the loss and timed steps of a model's head on it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spm.episodes.training_data import EpisodeClips
from spm.methods.base import EpisodeFeatures
from spm.model.model import FewShotModel


@dataclass(frozen=True)
class Episode:
    """The sizes of an episode."""

    way: int
    shot: int
    query: int
    frames: int

    @property
    def clips(self) -> int:
        return self.way * (self.shot + self.query)

    def pixels(self, size: int) -> EpisodeClips:
        """An episode of grey frames with real labels."""
        classes = torch.arange(self.way)
        return EpisodeClips(
            torch.full((self.clips, self.frames, size, size, 3), 128, dtype=torch.uint8),
            classes.repeat_interleave(self.shot),
            classes.repeat_interleave(self.query),
            classes,
        )


def head_loss(model: FewShotModel, features: Tensor, drawn: EpisodeClips, text: Tensor) -> Tensor:
    """The training loss from features [S + Q, T, C] of the episode's clips and text [N, C]."""
    num_support = len(drawn.support_labels)
    episode = EpisodeFeatures(
        features[:num_support],
        drawn.support_labels,
        features[num_support:],
        text,
        num_classes=len(text),
    )
    return model.method.losses(episode, drawn.query_labels).total


def head_steps(model: FewShotModel, episode: Episode) -> dict[str, Callable[[], Any]]:
    """Functions to time on random features: logits; losses; losses and their backward pass."""
    drawn = episode.pixels(1)
    features = torch.randn(episode.clips, episode.frames, model.channels, requires_grad=True)
    text, num_support = torch.randn(episode.way, model.channels), len(drawn.support_labels)
    support, query = features[:num_support], features[num_support:]
    return {
        "logits": lambda: model.classify(support, drawn.support_labels, query, text),
        "losses": lambda: head_loss(model, features, drawn, text),
        "backward": lambda: head_loss(model, features, drawn, text).backward(),
    }
