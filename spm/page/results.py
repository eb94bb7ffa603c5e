"""What the page's work gives back: plain data, so that the server itself needs no torch."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Progress:
    """How far a work is."""

    words: str
    share: float | None = None
    """0 to 1; None: nobody knows."""


@dataclass(frozen=True)
class Looked:
    """A clip that was looked at, or the reason why it cannot be taken."""

    path: Path
    name: str
    seconds: float | None = None
    strip: bytes = b""
    """A JPEG of the T sampled frames, side by side."""
    problem: str = ""


@dataclass(frozen=True)
class Known:
    """What a recognizer is and knows."""

    folder: Path
    examples: dict[str, int]
    """Class -> its number of examples."""
    seen: str
    """What its tower was trained on, in a sentence."""
    none_of_these: str
    """Whether it can say so, in a sentence."""
    details: str
    """As `clip-spm enroll` prints it."""


@dataclass(frozen=True)
class Picture:
    """A PNG, and what it shows."""

    png: bytes
    caption: str


@dataclass(frozen=True)
class Recognised:
    """An answer."""

    name: str | None
    """None: none of these."""
    best: str
    probabilities: dict[str, float]
    score: float | None
    threshold: float | None
    false_alarms: float | None
    is_calibrated: bool
    frames: bytes
    """A JPEG of the T frames that were compared."""
    pictures: list[Picture]
    notes: list[str] = field(default_factory=list)
    """Why a picture is missing."""


@dataclass(frozen=True)
class Stretch:
    """A segment that was found."""

    start: float
    end: float
    name: str
    probability: float


@dataclass(frozen=True)
class FoundStretches:
    """What was found in a video."""

    video: str
    seconds: float
    segments: list[Stretch]
    classes: list[str]
    lengths: list[float]
    rate: float
    threshold: float | None
    false_alarms: float | None
    damage: list[str]
    is_whole: bool


@dataclass(frozen=True)
class Builtin:
    """What the page starts with."""

    known: Known
    clips: dict[str, Path]
    """What the button says -> clip, for Recognise."""
    video: Path | None = None
    """A long one, for Find."""
    folders: tuple[Path, ...] = ()
    """Where the examples' own clips are."""
