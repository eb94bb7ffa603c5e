"""background.safetensors in a model folder: features by which "none of these" is told.

    clips [B, T, *], texts [B, C]                          one clip of each training class
    validation [V, T, *], labels [V], validation_texts     clips of the validation split

A clip that is none of an episode's classes is about as far from them as from the training classes;
validation clips, whose classes training did not see, say how far that is (spm.episodes.open_set).
Stored in half precision. A folder without the file tells no "none of these": it was saved by an
earlier version or converted from a released checkpoint, or nothing was trained.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from spm.base.atomic import atomic_path
from spm.base.errors import DataError
from spm.base.safetensors_file import write_safetensors
from spm.base.state_dicts import State, damage, misfit
from spm.model.remedy import remedy
from spm.model.weights import read_safetensors

FILE = "background.safetensors"
_TEXTS = ("texts", "validation_texts")


@dataclass(frozen=True)
class Background:
    """Features, in float32, with the bits that half precision keeps."""

    clips: Tensor
    """[B, T, *feature_shape], a clip of each training class."""
    texts: Tensor | None
    """[B, C] of these classes, no control applied; None if the backbone has no text tower."""
    validation: Tensor
    """[V, T, *feature_shape]"""
    labels: Tensor
    """[V] int64, positions in validation_texts."""
    validation_texts: Tensor | None
    """[validation classes, C]"""

    @classmethod
    def of(
        cls,
        clips: Tensor,
        texts: Tensor | None,
        *,
        validation: Tensor,
        labels: Tensor,
        validation_texts: Tensor | None,
    ) -> "Background":
        """The background as it is read from its file again, on the CPU."""
        rounded = [_rounded(each) for each in (clips, texts, validation, validation_texts)]
        clips, texts, validation, validation_texts = rounded  # type: ignore[assignment]
        return cls(clips, texts, validation, labels.cpu(), validation_texts)

    def tensors(self) -> State:
        """By the names in the file."""
        found = {name: getattr(self, name) for name in ("clips", "validation", *_TEXTS)}
        halves = {name: value.half() for name, value in found.items() if value is not None}
        return halves | {"labels": self.labels}


def save_background(background: Background | None, folder: Path) -> None:
    """Writes background.safetensors; without a background removes the file of another model."""
    if background is None:
        (folder / FILE).unlink(missing_ok=True)
        return
    with atomic_path(folder / FILE) as path:
        write_safetensors(background.tensors(), path)


def load_background(
    folder: Path, *, feature_shape: tuple[int, ...], channels: int
) -> Background | None:
    """Reads background.safetensors; None without the file.

    feature_shape, channels: the model's. Raises DataError for a damaged file, or of another model.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    state = read_safetensors(path, again=remedy(folder))
    if said := misfit(state, _shapes(state, feature_shape=feature_shape, channels=channels)):
        raise DataError(f"{path} does not fit the model beside it: {said}")
    if said := damage(state, integers=["labels"]) or _mislabelled(state):
        raise DataError(f"{path} is damaged: {said}. Take a copy that is whole, or train again")
    floats = {name: value.float() for name, value in state.items() if name != "labels"}
    found = Background(
        floats["clips"],
        floats.get("texts"),
        floats["validation"],
        state["labels"],
        floats.get("validation_texts"),
    )
    return replace(found, labels=found.labels.long())


def _shapes(
    state: State, *, feature_shape: tuple[int, ...], channels: int
) -> dict[str, torch.Size]:
    """The shapes that the tensors must have, with as many classes, clips and frames as they say."""
    classes, frames = [*state["clips"].shape, 0, 0][:2] if "clips" in state else (0, 0)
    clips = state["labels"].numel() if "labels" in state else 0
    expected = {
        "clips": torch.Size([classes, frames, *feature_shape]),
        "validation": torch.Size([clips, frames, *feature_shape]),
        "labels": torch.Size([clips]),
    }
    if any(name in state for name in _TEXTS):
        held = len(state["validation_texts"]) if "validation_texts" in state else 0
        expected["texts"] = torch.Size([classes, channels])
        expected["validation_texts"] = torch.Size([held, channels])
    return expected


def _mislabelled(state: State) -> str:
    """What is wrong with the labels; "" if they are the positions of classes."""
    labels = state["labels"]
    if not len(labels):
        return "no labels, and no clips of the validation split"
    texts = state.get("validation_texts")
    most = len(labels) if texts is None else len(texts)
    if int(labels.min()) >= 0 and int(labels.max()) < most:
        return ""
    return f"labels from {int(labels.min())} to {int(labels.max())}, must be from 0 to {most - 1}"


def _rounded(features: Tensor | None) -> Tensor | None:
    return None if features is None else features.detach().cpu().half().float()
