"""Query clips and their alignment with classes, picked from test episodes.

Shapes: `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spm.episodes.evaluation import encode_clips
from spm.episodes.sampler import Episode, EpisodeSampler
from spm.episodes.transforms import center_crop
from spm.frames.store import FrameStore
from spm.methods.base import EpisodeFeatures
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures

_EPISODES = 5
"""How many episodes are searched for queries that went right and wrong."""


@dataclass(frozen=True)
class AlignmentExample:
    """One query against the prototype of the class that it was taken for."""

    actual: str
    """Text of the query's class."""
    predicted: str
    """Text of the class that it was taken for."""
    right: bool
    probability: float
    """Of the predicted class, in percent."""
    query_frames: NDArray[np.uint8]
    """[T, H, W, 3], as the model saw them."""
    support_frames: NDArray[np.uint8]
    """[T, H, W, 3], of the predicted class's first support clip."""
    distance: NDArray[np.float64]
    """[T, T] between the frames of query (down) and class (across), as the method compares them."""
    weights: NDArray[np.float64]
    """[T, T]: how much each pair counts in the distance of query and class: 0 to 2 in OTAM's."""


def find_examples(
    model: FewShotModel,
    store: FrameStore,
    *,
    sampler: EpisodeSampler,
    prompts: PromptFeatures,
    count: int,
) -> list[AlignmentExample]:
    """Up to `count` queries, half of them wrong where there are so many.

    Those that were right are of different classes, and so are those that were wrong. None of a
    method that aligns no frames.
    `model` in evaluation mode.
    """
    words = _Words.of(prompts, model, sampler.class_names)
    right: list[AlignmentExample] = []
    wrong: list[AlignmentExample] = []
    for index in range(_EPISODES if count else 0):
        for example in _examples(model, store, sampler.episode(index), words):
            chosen = right if example.right else wrong
            if example.actual not in {other.actual for other in chosen}:
                chosen.append(example)
        if len(wrong) >= count // 2 and len(right) >= count - count // 2:
            break
    num_wrong = max(min(len(wrong), count // 2), count - len(right))
    return wrong[:num_wrong] + right[: count - min(num_wrong, len(wrong))]


@dataclass(frozen=True)
class _Words:
    """The classes of the split in words and as features [classes, C]."""

    texts: list[str]
    features: Tensor | None

    @classmethod
    def of(cls, prompts: PromptFeatures, model: FewShotModel, classes: list[str]) -> "_Words":
        known = dict(zip(prompts.classes, prompts.texts, strict=True))
        features = prompts.of(classes, how=model.config.prompts.text_ensemble)
        return cls([known[name] for name in classes], features)


def _examples(
    model: FewShotModel,
    store: FrameStore,
    episode: Episode,
    words: "_Words",
) -> Iterator[AlignmentExample]:
    encoded = encode_clips(
        model, store, clips=np.concatenate([episode.support, episode.query]), progress=False
    )
    support = encoded.features[encoded.rows(episode.support)]
    query = encoded.features[encoded.rows(episode.query)]
    labels = torch.from_numpy(episode.support_labels).to(support.device)
    classes = torch.from_numpy(episode.classes).to(support.device)
    texts = None if words.features is None else words.features.to(support)[classes]
    features = EpisodeFeatures(support, labels, query, texts, num_classes=len(classes))
    with torch.no_grad():
        probabilities = model.method.classify(features).softmax(dim=-1)
        found = model.method.explain(features)
    if found is None:
        return
    names = [words.texts[number] for number in episode.classes]
    for number, row in enumerate(probabilities.cpu()):
        label = int(row.argmax())
        actual = int(episode.query_labels[number])
        first_support = int(episode.support[np.argmax(episode.support_labels == label)])
        yield AlignmentExample(
            actual=names[actual],
            predicted=names[label],
            right=actual == label,
            probability=100 * float(row[label]),
            query_frames=_frames(model, store, int(episode.query[number])),
            support_frames=_frames(model, store, first_support),
            distance=found.distance[number, label].cpu().numpy(),
            weights=found.weights[number, label].cpu().numpy(),
        )


def _frames(model: FewShotModel, store: FrameStore, clip: int) -> NDArray[np.uint8]:
    return center_crop(store.read(clip), model.image_size)
