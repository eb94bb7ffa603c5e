"""What a recognizer is given in Python: lists of clips, texts, features; refused before any work.

Shapes: `Q` queries, `T` frames, `C` channels.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spm.base.errors import ConfigError
from spm.dataset.names import check_class_name, composed, is_utf8

Text = str | Tensor | NDArray[Any]
"""The words of a class's sentence, or a vector [C] in their place."""


def check_clips(clips: object, *, what: str = "clips") -> list[Path]:
    """Raises ConfigError for one path, which Python would take letter by letter, and for anything
    else that is no list of paths."""
    if isinstance(clips, str | bytes | os.PathLike):
        raise ConfigError(f"{what} = {clips!r} is one clip: give a list of clips, [{clips!r}]")
    if not isinstance(clips, Iterable):
        raise ConfigError(f"{what} = {clips!r}: give a list of clips, as ['a.mp4', 'b.mp4']")
    found = [*clips]
    if wrong := [each for each in found if not isinstance(each, str | os.PathLike)]:
        raise ConfigError(
            f"{what}: {wrong[0]!r} is of the type {type(wrong[0]).__name__}: give the path of a "
            "clip, a str or a Path"
        )
    return [*map(Path, found)]


def check_examples(support: object) -> dict[str, list[Path]]:
    """Composed class name -> clips, in the order of the names. Raises ConfigError for anything but
    a mapping of names to lists of clips, DataError for a name that is not allowed."""
    if not isinstance(support, Mapping):
        raise ConfigError(
            f"support is of the type {type(support).__name__}: give a folder with a folder of "
            "clips for each class, or a dict, as {'pouring tea': ['a.mp4']}"
        )
    found: dict[str, list[Path]] = {}
    for name, clips in support.items():
        check_class_name(name)
        found.setdefault(composed(name), []).extend(check_clips(clips, what=f"clips of {name!r}"))
    return dict(sorted(found.items()))


def check_text(name: str, text: object) -> str | Tensor:
    """The words, or the vector as a tensor. Raises ConfigError for another type."""
    if isinstance(text, str):
        if not is_utf8(text) or not text.strip():
            raise ConfigError(f"the text of {name!r} is {text!r}: give words, in UTF-8")
        return text
    if isinstance(text, Tensor) and not text.is_complex():
        return text
    if isinstance(text, np.ndarray) and text.dtype.kind in "fiu" and text.ndim == 1:
        return torch.from_numpy(text.astype(np.float32))
    kind = type(text).__name__
    if isinstance(text, np.ndarray):
        kind = f"array of {text.dtype} and the shape {list(text.shape)}"
    raise ConfigError(
        f"the text of {name!r} is of the type {kind}: give words, or a vector [C] of numbers, a "
        "tensor or an array"
    )


def check_features(features: object, *, shape: list[int], leading: str) -> Tensor:
    """Features [*leading, *shape]; leading: "" or "Q". Raises ConfigError for another shape or
    type, no clip, and for values that are not finite."""
    allowed = f"[{', '.join(filter(None, [leading, *map(str, shape)]))}] floats"
    if not isinstance(features, Tensor):
        raise ConfigError(
            f"features of the type {type(features).__name__}: give a tensor {allowed}"
        )
    dims = features.dim() - len(shape)
    fits = dims == len(leading) and list(features.shape[dims:]) == shape and features.numel()
    if not fits or not features.is_floating_point():
        kind = str(features.dtype).removeprefix("torch.")
        raise ConfigError(
            f"features {list(features.shape)} {kind}: this recognizer takes {allowed}, as "
            "model.encode_video makes them"
        )
    if not features.isfinite().all():
        raise ConfigError("features that are not finite (NaN or infinite): encode the clip anew")
    return features
