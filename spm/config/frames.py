"""`frames`: which frames are decoded, and how they are stored."""

from typing import Literal

from pydantic import Field

from spm.config.base import Section

Reader = Literal["auto", "pyav", "decord", "torchcodec"]


class FramesConfig(Section):
    """Sparse sampling (TSN) and storage."""

    num_segments: int = Field(ge=2)
    """T: a clip is cut into T equal segments. MFE (Eq. 8) needs at least two."""
    samples_per_segment: int = Field(ge=1)
    """Frames kept per segment. With more than one, training draws one of them per segment."""
    short_side: int = Field(ge=16)
    """Pixels of the shorter side after resizing."""
    keep_aspect: bool
    """true: keep the aspect ratio; false: make every frame square."""
    short_clips: Literal["repeat", "reject"]
    """A clip with fewer than T frames: `repeat` some of them, or `reject` it."""
    storage: Literal["raw", "jpeg"]
    """Raw pixels read faster, JPEG takes a tenth of the disk."""
    jpeg_quality: int = Field(ge=1, le=100)
    """JPEG quality for `storage: jpeg` (4:2:0)."""
    reader: Reader
    """`auto`: PyAV, which seeks where seeking is exact. `pyav`: PyAV decodes every frame, which
    notices damage anywhere. `decord`, `torchcodec`: these libraries; files that they would misread
    are rejected."""
    num_shards: int = Field(ge=1)
    """Files that the clips are spread over: the unit of parallel work and of caching."""
