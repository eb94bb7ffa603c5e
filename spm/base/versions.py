"""Versions of the packages that decide a result, for the keys of results that are kept."""

from collections.abc import Iterable
from importlib.metadata import version

DECODING = ("av", "pillow", "simplejpeg")
"""Packages that decide decoded pixels, besides the library that `frames.reader` names."""
TRAINING = ("numpy", "open_clip_torch", "timm", "torch")
"""Packages that decide training and measuring."""


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Package -> its version. Raises PackageNotFoundError for a package that is not installed."""
    return {name: version(name) for name in packages}
