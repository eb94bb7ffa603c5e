"""The losses of the episodes of one training pass, and what an optimizer step makes of them.

    clips ─ tower ─ EncodedEpisodes ─ method ─ Losses ─┬─ objective: its gradient is summed
                                                       └─ rows: what the history keeps

Shapes: `...` episodes, `S` supports, `Q` queries, `N` classes, `T` frames, `C` channels.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from spm.config.train import TrainConfig
from spm.episodes.training_data import EpisodeClips
from spm.methods.base import EpisodeFeatures, EpisodePixels, Losses
from spm.model.model import FewShotModel


class EncodedEpisodes(NamedTuple):
    """Episodes after the visual tower: all that the method's losses depend on, but the texts."""

    features: Tensor
    """[..., S + Q, T, C], supports first; [..., S + Q, T, C, H, W] for a method on maps."""
    support_labels: Tensor
    """[..., S]"""
    query_labels: Tensor
    """[..., Q]"""
    classes: Tensor
    """[..., N]: positions among the training classes."""
    images: Tensor | None
    """[..., S + Q, T, 3, H, W] as the tower takes them, for a method that needs pixels."""


def encode_episodes(model: FewShotModel, episodes: EpisodeClips) -> EncodedEpisodes:
    """The episodes through the tower. `episodes` are on the model's device."""
    images = None
    if model.config.model.needs.pixels:
        images = model.backbone.normalized(episodes.clips)
    return EncodedEpisodes(
        model.encode(episodes.clips),
        episodes.support_labels,
        episodes.query_labels,
        episodes.classes,
        images,
    )


def method_losses(
    model: FewShotModel, encoded: EncodedEpisodes, class_text: Tensor | None
) -> Losses:
    """The losses of encoded episodes. class_text [training classes, C], on the model's device."""
    sides = [encoded.support_labels.shape[-1], encoded.query_labels.shape[-1]]
    clip_axis = encoded.support_labels.dim() - 1
    support, query = torch.split(encoded.features, sides, dim=clip_axis)
    pixels = None
    if encoded.images is not None:
        pixels = EpisodePixels(*torch.split(encoded.images, sides, dim=clip_axis))
    episode = EpisodeFeatures(
        support,
        encoded.support_labels,
        query,
        None if class_text is None else class_text[encoded.classes],
        num_classes=encoded.classes.shape[-1],
    )
    return model.method.losses(
        episode,
        encoded.query_labels,
        classes=encoded.classes,
        all_text=class_text,
        pixels=pixels,
    )


def episode_losses(
    model: FewShotModel, episodes: EpisodeClips, class_text: Tensor | None
) -> Losses:
    """The losses of episodes, from one forward pass over all their supports and queries.

    class_text [training classes, C]. `episodes` and class_text are on the model's device.
    """
    return method_losses(model, encode_episodes(model, episodes), class_text)


def objective(losses: Losses, config: TrainConfig) -> Tensor:
    """The contribution of the episodes to the loss of their optimizer step; a scalar."""
    if config.loss == "mean":
        return losses.total.sum() / config.accumulate
    num_queries = losses.logits.shape[-2]
    task = (losses.total - losses.regularizers) * num_queries / config.accumulate
    return (task + losses.regularizers).sum()


def history_rows(losses: Losses, query_labels: Tensor) -> Tensor:
    """A row of `History.columns` for each of E episodes, [E, columns]. query_labels [E, Q]."""
    correct = losses.logits.argmax(dim=-1) == query_labels
    accuracy = 100 * correct.double().mean(dim=-1)
    columns = (losses.total, accuracy, *losses.terms.values())
    return torch.stack([column.detach().double() for column in columns], dim=-1)
