"""Picks query clips from test episodes, with their alignments to the predicted class.

Shapes: `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spm.episodes.evaluation import encode_clips
from spm.episodes.sampler import Episode, EpisodeSampler
from spm.episodes.transforms import center_crop
from spm.features.store import ClipStore
from spm.frames.store import FrameStore
from spm.methods.base import EpisodeFeatures
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures
from spm.report.class_words import ClassWords

_EPISODES = 5
"""Number of episodes that are searched for right and wrong predictions."""


@dataclass(frozen=True)
class AlignmentExample:
    """The alignment of one query with the prototype of the predicted class."""

    actual: str
    """Text of the query's class."""
    predicted: str
    """Text of the predicted class."""
    right: bool
    probability: float
    """Probability of the predicted class, calibrated if the model is, in percent."""
    query_frames: NDArray[np.uint8]
    """[T, H, W, 3], the query's frames as the model takes them."""
    support_frames: NDArray[np.uint8]
    """[T, H, W, 3], the frames of the predicted class's first support clip."""
    distance: NDArray[np.float64]
    """[T, T], the method's distance of query frames (rows) and class frames (columns)."""
    weights: NDArray[np.float64]
    """[T, T], the weight of each pair of frames in the distance of query and class; OTAM: 0…2."""


def find_examples(
    model: FewShotModel,
    store: ClipStore,
    *,
    frames: FrameStore,
    sampler: EpisodeSampler,
    prompts: PromptFeatures,
    count: int,
) -> list[AlignmentExample]:
    """Up to `count` examples; half of them wrong predictions, if enough are found.

    Right predictions are of different classes, and so are wrong ones. A method that aligns no
    frames has no examples. `model` is in evaluation mode.
    """
    words = ClassWords.of(prompts, model, sampler.class_names)
    right: list[AlignmentExample] = []
    wrong: list[AlignmentExample] = []
    for index in range(_EPISODES if count else 0):
        for example in _examples(model, store, frames, sampler.episode(index), words):
            chosen = right if example.right else wrong
            if example.actual not in {other.actual for other in chosen}:
                chosen.append(example)
        if len(wrong) >= count // 2 and len(right) >= count - count // 2:
            break
    num_wrong = max(min(len(wrong), count // 2), count - len(right))
    return wrong[:num_wrong] + right[: count - min(num_wrong, len(wrong))]


def _examples(
    model: FewShotModel,
    store: ClipStore,
    frames: FrameStore,
    episode: Episode,
    words: ClassWords,
) -> Iterator[AlignmentExample]:
    encoded = encode_clips(
        model, store, clips=np.concatenate([episode.support, episode.query]), progress=False
    )
    support = encoded.features[encoded.rows(episode.support)]
    query = encoded.features[encoded.rows(episode.query)]
    labels = torch.from_numpy(episode.support_labels).to(support.device)
    classes = torch.from_numpy(episode.classes).to(support.device)
    texts = words.features_of(classes, like=support)
    features = EpisodeFeatures(support, labels, query, texts, num_classes=len(classes))
    with torch.no_grad():
        logits = model.method.classify(features)
        probabilities = model.probabilities(logits, transductive=True)
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
            query_frames=_frames(model, frames, int(episode.query[number])),
            support_frames=_frames(model, frames, first_support),
            distance=found.distance[number, label].cpu().numpy(),
            weights=found.weights[number, label].cpu().numpy(),
        )


def _frames(model: FewShotModel, frames: FrameStore, clip: int) -> NDArray[np.uint8]:
    return center_crop(frames.read(clip), model.image_size)
