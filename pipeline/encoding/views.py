"""The views of clips that are encoded: what a test sees, and random ones of training clips."""

import hashlib
from dataclasses import dataclass

import numpy as np

from pipeline.encoding.feature_plan import PlannedClip
from spm.base.arrays import Frames
from spm.episodes.augmentation import AugmentedClips
from spm.episodes.transforms import center_crop


@dataclass(frozen=True)
class Views:
    """View 0 is what a test sees, the middle samples and the centre crop; the others are random.

    A random view depends on the clip, the view's number and the seed, and on no other clip.
    """

    clips: AugmentedClips
    seed: int

    def read(self, clip: PlannedClip, view: int) -> Frames:
        """[T, H, W, 3] uint8"""
        if view == 0:
            return center_crop(self.clips.store.read(clip.number), self.clips.size)
        digest = hashlib.blake2b(clip.id.encode(), digest_size=8).digest()
        rng = np.random.default_rng([self.seed, view, int.from_bytes(digest, "big")])
        drawn = np.empty(self.clips.shape, np.uint8)
        self.clips.draw(clip.number, rng=rng, out=drawn)
        return drawn
