"""How much a window of the page may bring: the options of `clip-spm page`."""

from dataclasses import dataclass

from spm.base.errors import ConfigError, DataError


@dataclass(frozen=True)
class PageLimits:
    """Each is a number above 0."""

    max_mb: float = 500
    """Of one uploaded file, and of the files in a recognizer's zip."""
    max_seconds: float = 60
    """Of a clip: it is one action."""
    max_clips: int = 50
    """Examples of a class."""
    max_classes: int = 50
    max_minutes: float = 30
    """Of a video to be searched."""
    at_once: int = 2
    """Windows whose work runs at the same time; the others wait."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                option = f"--{name.replace('_', '-')}"
                raise ConfigError(f"{option} {value:g}: give a number above 0")

    @property
    def max_bytes(self) -> int:
        return int(self.max_mb * 2**20)

    def check_size(self, size: int) -> None:
        """Raises DataError for a file of so many bytes that it is too large."""
        if size > self.max_bytes:
            raise DataError(
                f"it has {size / 2**20:.1f} MB, and this page takes files up to {self.max_mb:g} MB"
            )

    def check_clip(self, seconds: float | None) -> None:
        """Raises DataError for a clip that is too long; None: its file does not say."""
        if seconds is not None and seconds > self.max_seconds:
            raise DataError(
                f"it lasts {seconds:.0f} s, and a clip is one action of at most "
                f"{self.max_seconds:g} s: cut it, or drop it under Find"
            )

    def check_video(self, seconds: float | None) -> None:
        """Raises ConfigError for a video that is too long to be searched here: a DataError in the
        middle of a search would pass for the end of a damaged file."""
        if seconds is not None and seconds > 60 * self.max_minutes:
            raise ConfigError(
                f"it lasts more than {self.max_minutes:g} minutes: cut it, start the page with a "
                "larger --max-minutes, or take the command `clip-spm find`"
            )
