"""Finds the weights file on this machine that `backbone.weights` names.

Imports no torch, so that `inventory` can hash the file before the first clip is decoded.
"""

from pathlib import Path

from spm.builtin_clip.model import files


def local_file(name: str, weights: str) -> Path | None:
    """A path's file, or the file in the package that the tag `built-in` of its model names.

    None for other tags, and for a path without a file. Raises ConfigError if the package lacks its
    file.
    """
    if (name, weights) == (files.NAME, files.TAG):
        return files.weights_file()
    path = Path(weights)
    return path if path.is_file() else None


def local_tags(name: str) -> list[str]:
    """The tags of model `name` whose file is in the package."""
    return [files.TAG] if name == files.NAME else []
