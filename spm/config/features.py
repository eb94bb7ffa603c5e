"""`features`: what is stored of clips whose tower, or its first part, is frozen."""

from typing import Literal

from pydantic import Field

from spm.config.base import Section
from spm.config.seed import Seed

FeatureStorage = Literal["float16", "float32"]


class FeaturesConfig(Section):
    """What the stage `features` stores. Without a frozen part it stores nothing."""

    stored: bool
    """Store what the frozen part gives for each clip, and train and evaluate on that. false: encode
    the clips of each episode anew, with a crop of its own each time."""
    kind: Literal["vectors", "maps"]
    """What the method takes (`backbone.frozen` only): pooled features, or maps before pooling."""
    views: int = Field(ge=0)
    """Random views of each training clip (draws of `frames.samples_per_segment`, crops, and flips
    where `train.flip` is on), of which each episode draws one. 0: training sees what a test sees,
    the middle samples and the centre crop."""
    storage: FeatureStorage
    """Number format on disk. Features are computed with, whichever it is, in float32."""
    seed: Seed
    """Seed of the random views."""

    def is_used_by(self, *, has_frozen_part: bool) -> bool:
        """Whether training and evaluation read stored features."""
        return self.stored and has_frozen_part
