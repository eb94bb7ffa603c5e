"""Which store of clips training, evaluation and report read."""

from spm.features.store import ClipStore, FeatureStore
from spm.frames.clip_index import INDEX
from spm.frames.store import FrameStore
from stages.shared import paths


def open_clips() -> ClipStore:
    """data/features where the stage `features` has stored any, else data/frames."""
    if (paths.FEATURES / INDEX).is_file():
        return FeatureStore(paths.FEATURES)
    return FrameStore(paths.FRAMES)
