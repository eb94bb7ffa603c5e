"""Which shards of features the frames need, and their names.

Each shard of frames has one shard of features. Its name is a hash of everything that decides its
bytes, so that a store can keep the features of many towers and parameters side by side.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from spm.base.hashing import value_hash
from spm.base.source import code_hash
from spm.base.versions import TRAINING, versions
from spm.config.backbone import BackboneConfig
from spm.config.features import FeaturesConfig
from spm.frames.clip_index import ClipIndex

_CODE = (
    *("spm/builtin_clip/model", "spm/model", "spm/features"),
    *("spm/episodes/augmentation.py", "spm/episodes/transforms.py"),
)
"""The code that turns a shard of frames into one of features."""
_WITHOUT_EFFECT = {"batch_norm"}
"""Keys of `backbone` that change nothing of a frozen part."""


@dataclass(frozen=True)
class PlannedClip:
    """A clip of a shard, and how many views of it there will be."""

    number: int
    """In the index of the frames."""
    id: str
    views: int
    """1, a test's; of training clips also the random ones."""


@dataclass(frozen=True)
class PlannedFeatures:
    """One file of the store."""

    name: str
    clips: tuple[PlannedClip, ...]
    """In the order of the rows of the shard of frames."""


def plan_features(
    frames: ClipIndex,
    *,
    backbone: BackboneConfig,
    features: FeaturesConfig,
    flip: bool,
    weights: str,
) -> list[PlannedFeatures]:
    """The shards of features of all clips of `frames`, sorted by name.

    flip: `train.flip`; weights: a hash of the files of weights from outside.
    """
    recipe = {
        "backbone": backbone.model_dump(exclude=_WITHOUT_EFFECT),
        "features": features.model_dump(exclude={"stored"}),
        "flip": flip and features.views > 0,
        "weights": weights,
        "packages": versions(TRAINING),
        "source": code_hash(*_CODE),
    }
    planned = [
        PlannedFeatures(_name(shard, clips, recipe), tuple(clips))
        for shard, clips in _by_shard(frames, views=features.views).items()
    ]
    return sorted(planned, key=lambda shard: shard.name)


def _by_shard(frames: ClipIndex, *, views: int) -> dict[str, list[PlannedClip]]:
    """Shard of frames -> its clips in the order of their rows."""
    ids, splits = (frames.clips[name].to_pylist() for name in ("id", "split"))
    found: dict[str, list[tuple[int, PlannedClip]]] = defaultdict(list)
    for number, (clip_id, split) in enumerate(zip(ids, splits, strict=True)):
        shard, row = frames.place(number)
        count = 1 + (views if split == "train" else 0)
        found[shard].append((row, PlannedClip(number, clip_id, count)))
    return {shard: [clip for _, clip in sorted(rows)] for shard, rows in found.items()}


def _name(frames_shard: str, clips: list[PlannedClip], recipe: dict[str, Any]) -> str:
    contents = [[clip.id, clip.views] for clip in clips]
    return f"{value_hash([frames_shard, contents, recipe])[:32]}.h5"
