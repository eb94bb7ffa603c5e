"""Filling the store of features: the shards that it lacks are encoded.

    shard of frames ─ views of its clips ─ frozen part of the tower ─ shard of features

A shard appears in the store whole or not at all, so a run that was killed goes on where it stopped.
Shapes: `T` frames, `...` the output of the frozen part for a frame.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pipeline.encoding.feature_plan import PlannedFeatures
from pipeline.encoding.views import Views
from pipeline.shards.checked_shards import sound_shards
from pipeline.shards.unfinished import noted
from spm.base.arrays import Frames
from spm.base.errors import DataError, StorageError
from spm.base.progress import progress_bar
from spm.base.unwritable import free_bytes, make_writable
from spm.config.features import FeaturesConfig
from spm.episodes.augmentation import AugmentedClips
from spm.episodes.ranks import Ranks
from spm.features.shards import FeatureShard, Floats, write_feature_shard
from spm.frames.store import FrameStore
from spm.model.backbone import Backbone

_CLIPS_AT_ONCE = 16


def fill_store(
    shards: Sequence[PlannedFeatures],
    *,
    store: Path,
    tower: Callable[[], Backbone],
    frames: FrameStore,
    features: FeaturesConfig,
    flip: bool,
    ranks: Ranks,
) -> int:
    """Encodes the `shards` that `store` lacks or has damaged; returns the number of these.

    tower: builds the tower, in evaluation mode; not called if nothing is missing. Each rank encodes
    its share, and returns when all shards are there. Raises StorageError, before anything is
    encoded, if the disk of `store` has too little room, and DataError for features that
    `features.storage` cannot hold.
    """
    with noted([shard.name for shard in shards], store=store, recipe=""):
        missing = _missing(shards, store=store, ranks=ranks)
        if missing:
            encoder = _Encoder(tower(), frames, features, flip=flip)
            _check_room(missing, shape=encoder.shape, features=features, store=store)
            own = [shard for number, shard in enumerate(missing) if ranks.mine(number)]
            _encode(own, encoder, features, store=store, ranks=ranks)
            ranks.broadcast(0)  # waits for all ranks
            _check_shared(missing, store=store)
    return len(missing)


class _Encoder:
    """The frozen part of a tower, and the views of clips that it encodes."""

    def __init__(
        self, backbone: Backbone, frames: FrameStore, features: FeaturesConfig, *, flip: bool
    ) -> None:
        clips = AugmentedClips(frames, size=backbone.image_size, flip=flip)
        self.views = Views(clips, features.seed)
        self._backbone, self._maps = backbone, features.kind == "maps"
        self.shape = (frames.num_frames, *backbone.frozen_shape(maps=self._maps))
        """(T, ...), of one view of a clip."""

    def batches(self, shard: PlannedFeatures, bar: "tqdm[object]") -> Iterator[Floats]:
        """The features of all views of the shard's clips, [n, T, ...] at a time."""
        numbered = [(clip, view) for clip in shard.clips for view in range(clip.views)]
        for start in range(0, len(numbered), _CLIPS_AT_ONCE):
            part = numbered[start : start + _CLIPS_AT_ONCE]
            yield self._encoded(np.stack([self.views.read(clip, view) for clip, view in part]))
            bar.update(len(part))

    def _encoded(self, pixels: Frames) -> Floats:
        device = self._backbone.mean.device
        found = self._backbone.encode_frozen(torch.from_numpy(pixels).to(device), maps=self._maps)
        encoded: Floats = found.cpu().numpy()
        return encoded


def _missing(
    shards: Sequence[PlannedFeatures], *, store: Path, ranks: Ranks
) -> list[PlannedFeatures]:
    """The shards that rank 0 does not find, or finds damaged."""
    names = [shard.name for shard in shards] if ranks.first else []
    sound = sound_shards(names, store=store, opened=FeatureShard)
    lacking = set(ranks.broadcast([name for name in names if name not in sound]))
    return [shard for shard in shards if shard.name in lacking]


def _encode(
    shards: Sequence[PlannedFeatures],
    encoder: _Encoder,
    features: FeaturesConfig,
    *,
    store: Path,
    ranks: Ranks,
) -> None:
    total = sum(clip.views for shard in shards for clip in shard.clips)
    with progress_bar(total=total, desc="encode", unit="clip", disable=not ranks.first) as bar:
        for shard in shards:
            write_feature_shard(
                store / shard.name,
                encoder.batches(shard, bar),
                clips=[(clip.id, clip.views) for clip in shard.clips],
                shape=encoder.shape,
                storage=features.storage,
            )


def _check_room(
    shards: Sequence[PlannedFeatures],
    *,
    shape: tuple[int, ...],
    features: FeaturesConfig,
    store: Path,
) -> None:
    views = sum(clip.views for shard in shards for clip in shard.clips)
    needed = views * math.prod(shape) * np.dtype(features.storage).itemsize
    free = free_bytes(make_writable(store))
    if needed > free:
        raise StorageError(
            f"the features of {views} views take {needed / 1e9:.1f} GB ({list(shape)} "
            f"{features.storage} each), and the disk of {store} has {free / 1e9:.1f} GB: make "
            "room, lower features.views, set features.storage to float16, or features.stored to "
            "false to encode the clips of each episode anew"
        )


def _check_shared(shards: Sequence[PlannedFeatures], *, store: Path) -> None:
    absent = [shard.name for shard in shards if not (store / shard.name).is_file()]
    if absent:
        raise DataError(
            f"{len(absent)} shards that other machines encoded are not in {store}: all machines "
            "need one state folder (CLIP_SPM_STATE), on a disk that they share"
        )
