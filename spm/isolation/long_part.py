"""A part of a long video: what the process that reads it is asked for, and what it answers."""

from dataclasses import dataclass
from pathlib import Path

from spm.base.arrays import Frames
from spm.video.long_video import Damage, Facts


@dataclass(frozen=True)
class LongRequest:
    """The next pictures of a video at a fixed rate. A request for the first ones opens it anew."""

    path: Path
    rate: float | None
    """Pictures a second; None: as many as the video has."""
    short_side: int | None
    """Pixels of the shorter side; None: as the video has it."""
    keep_aspect: bool
    first: int
    """The number of the first picture: that after the last answer's, or 0."""
    count: int
    """At most so many pictures; fewer where they take long. 0: what the file says, alone."""
    skip: bool = False
    """Passes by the pictures without converting them; the answer holds none."""


@dataclass(frozen=True)
class LongPart:
    """An answer."""

    frames: Frames
    """[n, H, W, 3], all of one size: where the size changes, the answer ends early."""
    passed: int
    """Pictures that this part has or has skipped."""
    ended: bool
    """Whether the video has no more pictures."""
    facts: Facts
    damage: tuple[Damage, ...]
    """All that was lost so far."""
    is_cut: bool
    """Whether the video ended at a place where something is missing behind."""
