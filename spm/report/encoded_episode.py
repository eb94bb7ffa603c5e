"""The features of one episode of the report.

Shapes: `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

import numpy as np
import torch

from spm.episodes.evaluation import encode_clips
from spm.episodes.sampler import Episode
from spm.features.store import ClipStore
from spm.methods.base import EpisodeFeatures
from spm.model.model import FewShotModel
from spm.report.class_words import ClassWords


def encoded_episode(
    model: FewShotModel, store: ClipStore, episode: Episode, *, words: ClassWords
) -> EpisodeFeatures:
    """words: of the split's classes. `model` is in evaluation mode."""
    clips = np.concatenate([episode.support, episode.query])
    encoded = encode_clips(model, store, clips=clips, progress=False)
    support = encoded.features[encoded.rows(episode.support)]
    query = encoded.features[encoded.rows(episode.query)]
    labels, classes = (
        torch.from_numpy(each).to(support.device)
        for each in (episode.support_labels, episode.classes)
    )
    texts = words.features_of(classes, like=support)
    return EpisodeFeatures(support, labels, query, texts, num_classes=len(classes))
