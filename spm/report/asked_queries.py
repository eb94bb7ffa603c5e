"""Picks query clips of test episodes that the model took for the right class, and for a wrong one.

Shapes: `S` supports, `Q` queries, `N` classes, `T` frames, `C` channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spm.episodes.sampler import Episode, EpisodeSampler
from spm.episodes.transforms import center_crop
from spm.features.store import ClipStore
from spm.frames.store import FrameStore
from spm.methods.base import EpisodeFeatures
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures
from spm.report.class_words import ClassWords
from spm.report.encoded_episode import encoded_episode

_EPISODES = 5
"""Number of episodes that are searched for right and wrong predictions."""


@dataclass(frozen=True)
class AskedQuery:
    """A query in its episode, and what the model took it for."""

    actual: str
    """Text of the query's class."""
    predicted: str
    """Text of the predicted class."""
    right: bool
    probability: float
    """Probability of the predicted class, calibrated if the model is, in percent."""
    clip: int
    """The query's clip in the store."""
    support: int
    """The first support clip of the predicted class."""
    episode: EpisodeFeatures
    number: int
    """The query's place among those of the episode."""
    label: int
    """The predicted class's place among those of the episode."""

    def logits(self, model: FewShotModel, features: Tensor) -> Tensor:
        """[1, N], with other features [T, *feature_shape] in the place of the query's."""
        others = self.episode.query
        query = torch.cat([others[: self.number], features[None], others[self.number + 1 :]])
        return model.method.classify(self.episode._replace(query=query))[self.number][None]


def ask_queries(
    model: FewShotModel,
    store: ClipStore,
    *,
    sampler: EpisodeSampler,
    prompts: PromptFeatures,
    count: int,
) -> list[AskedQuery]:
    """Up to `count` queries; half of them wrong predictions, if enough are found.

    Right predictions are of different classes, and so are wrong ones. `model` is in evaluation
    mode.
    """
    words = ClassWords.of(prompts, model, sampler.class_names)
    right: list[AskedQuery] = []
    wrong: list[AskedQuery] = []
    for index in range(_EPISODES if count else 0):
        for asked in _asked(model, store, sampler.episode(index), words):
            chosen = right if asked.right else wrong
            if asked.actual not in {other.actual for other in chosen}:
                chosen.append(asked)
        if len(wrong) >= count // 2 and len(right) >= count - count // 2:
            break
    num_wrong = max(min(len(wrong), count // 2), count - len(right))
    return wrong[:num_wrong] + right[: count - min(num_wrong, len(wrong))]


def frames_of(model: FewShotModel, frames: FrameStore, clip: int) -> NDArray[np.uint8]:
    """[T, side, side, 3], as the model takes them."""
    return center_crop(frames.read(clip), model.image_size)


def _asked(
    model: FewShotModel, store: ClipStore, episode: Episode, words: ClassWords
) -> Iterator[AskedQuery]:
    features = encoded_episode(model, store, episode, words=words)
    with torch.no_grad():
        logits = model.method.classify(features)
        probabilities = model.probabilities(logits, transductive=True).cpu()
    names = [words.texts[number] for number in episode.classes]
    for number, row in enumerate(probabilities):
        label = int(row.argmax())
        actual = int(episode.query_labels[number])
        yield AskedQuery(
            actual=names[actual],
            predicted=names[label],
            right=actual == label,
            probability=100 * float(row[label]),
            clip=int(episode.query[number]),
            support=int(episode.support[np.argmax(episode.support_labels == label)]),
            episode=features,
            number=number,
            label=label,
        )
