"""Versions of the packages that decide a result, for the keys of what outlives an installation."""

from collections.abc import Iterable
from importlib.metadata import version

DECODING = ("av", "pillow", "simplejpeg")
"""Beside the library that `frames.reader` names."""
TRAINING = ("numpy", "open_clip_torch", "timm", "torch")
"""And measuring."""


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Package -> its version, of packages that are installed."""
    return {name: version(name) for name in packages}
