"""A vector of each of some test clips, before the method and after it, as the paper's Fig. 6 maps.

    5 classes, of each `shot` supports, and up to 40 other clips ─┬─ tower ─ mean over frames
                                                                  └─ method ─ mean over frames

Every clip that is mapped is a query: a support carries the text of its class, and would cluster by
it. Shapes: `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spm.episodes.sampler import Episode
from spm.features.store import ClipStore
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures
from spm.report.class_words import ClassWords
from spm.report.encoded_episode import encoded_episode

_CLASSES, _CLIPS = 5, 40
"""Of Fig. 6: classes, and clips of each."""

_FEWEST = 2
"""Clips of a class in a map that says anything."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ClipVectors:
    """The vectors of the clips."""

    texts: list[str]
    """[N], the classes' texts."""
    labels: Ints
    """[Q], positions in `texts`."""
    tower: Floats
    """[Q, C], the tower's features, averaged over frames, of maps over positions too."""
    method: Floats | None
    """[Q, C'], what the method compares of a query (Method.query_features), averaged over frames;
    None if the method names no such features."""
    what: str
    """Which features `method` are, in words."""

    @property
    def are_enough(self) -> bool:
        """Whether a map of them can be made: several clips of each class, of several classes."""
        counts = np.bincount(self.labels, minlength=len(self.texts))
        return len(counts) > 1 and counts.min() >= _FEWEST and counts.sum() > len(counts) * _FEWEST


def clip_vectors(
    model: FewShotModel,
    store: ClipStore,
    *,
    classes: Mapping[str, Ints],
    prompts: PromptFeatures,
    shot: int,
    seed: int,
) -> ClipVectors:
    """Of clips that `seed` draws. classes: name -> clip numbers, more than `shot` of each.
    `model` is in evaluation mode."""
    words = ClassWords.of(prompts, model, sorted(classes))
    drawn = _drawn([classes[name] for name in sorted(classes)], shot=shot, seed=seed)
    episode = encoded_episode(model, store, drawn, words=words)
    with torch.no_grad():
        found = model.method.query_features(episode)
    return ClipVectors(
        texts=[words.texts[number] for number in drawn.classes],
        labels=drawn.query_labels,
        tower=_vectors(episode.query),
        method=None if found is None else _vectors(found.features),
        what="" if found is None else found.what,
    )


def _drawn(clips: list[Ints], *, shot: int, seed: int) -> Episode:
    """An episode whose classes may have different numbers of queries. clips: clip numbers of each
    class of the split."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(len(clips))[:_CLASSES]
    orders = [rng.permutation(np.sort(clips[number]))[: shot + _CLIPS] for number in classes]
    labels = np.arange(len(classes))
    return Episode(
        classes=classes,
        support=np.concatenate([order[:shot] for order in orders]),
        support_labels=labels.repeat(shot),
        query=np.concatenate([order[shot:] for order in orders]),
        query_labels=labels.repeat([len(order) - shot for order in orders]),
    )


def _vectors(features: Tensor) -> Floats:
    """[Q, T, C] or [Q, T, C, H, W] -> [Q, C]"""
    positions = tuple(range(3, features.dim()))
    means = features.mean(dim=(1, *positions))
    vectors: Floats = means.float().cpu().numpy()
    return vectors
