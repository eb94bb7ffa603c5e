"""Clips whose features do not fit in memory: encoded again for each batch of episodes.

A clip of 8 frames is 16 kB of vectors at C = 512, and 0.8 MB of 7 × 7 maps, before what a method
prepares of it. Encoding a clip anew gives the same features, to rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from spm.episodes.evaluation import EncodedClips, Ints, encode_clips, prepare_clips
from spm.episodes.ranks import ALONE, Ranks
from spm.features.store import ClipStore
from spm.methods.base import prepare as prepare_by
from spm.model.model import FewShotModel

_MB = 2**20


@dataclass(frozen=True)
class ClipsOnDemand:
    """The clips of a frame store. `prepare` says of which classes and texts they are."""

    model: FewShotModel
    store: ClipStore
    classes: Mapping[str, Ints] | None = None
    """None: what the method prepares is not asked for."""
    class_text: Tensor | None = None
    once = False

    def of(self, clips: Ints) -> EncodedClips:
        """The features of these clips, and what the method prepares of them."""
        encoded = encode_clips(self.model, self.store, clips=clips, progress=False)
        if self.classes is None:
            return encoded
        return prepare_clips(self.model, encoded, classes=self.classes, class_text=self.class_text)


def encode_within(
    model: FewShotModel,
    store: ClipStore,
    *,
    clips: Ints,
    max_cache_mb: int | None,
    ranks: Ranks = ALONE,
    progress: bool = True,
) -> EncodedClips | ClipsOnDemand:
    """`encode_clips` if the features, and what the method prepares of them, take max_cache_mb MB or
    less; else clips that are encoded when they are asked for. None: no limit. `model` in eval mode.
    """
    needed = len(np.unique(clips)) * bytes_of_a_clip(model, num_frames=store.num_frames)
    if max_cache_mb is not None and needed > max_cache_mb * _MB:
        return ClipsOnDemand(model, store)
    return encode_clips(model, store, clips=clips, ranks=ranks, progress=progress)


def prepare(
    model: FewShotModel,
    clips: EncodedClips | ClipsOnDemand,
    *,
    classes: Mapping[str, Ints],
    class_text: Tensor | None,
) -> EncodedClips | ClipsOnDemand:
    """As `prepare_clips`; clips on demand are prepared when they are encoded."""
    if isinstance(clips, ClipsOnDemand):
        return replace(clips, classes=classes, class_text=class_text)
    return prepare_clips(model, clips, classes=classes, class_text=class_text)


def bytes_of_a_clip(model: FewShotModel, *, num_frames: int) -> int:
    """Bytes of a clip's features and of what the method prepares of them."""
    like = next(model.parameters())
    features = like.new_zeros(1, num_frames, *model.feature_shape)
    text = like.new_zeros(1, model.channels) if model.config.model.needs.text else None
    with torch.no_grad():
        prepared = prepare_by(model.method, features, text)
    return features.nbytes + (0 if prepared is None else prepared.nbytes)
