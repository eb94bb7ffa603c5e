"""Text features of the classes: every template filled with every class text (Eq. 2, Table 6).

    A video of [CLS]  ×  pushing something from left to right  ->  features [R, N, C]

spm.model.text_tower computes the features. The file stores them per template; `ensemble` reduces
them over the R templates. If the backbone has no text tower, C is 0, and the file holds only the
classes and their texts.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spm.base.atomic import atomic_path
from spm.base.made_files import made_by
from spm.base.new_hdf5 import new_hdf5
from spm.config.prompts import TextControl
from spm.model.text_controls import controlled

TextState = Literal["trained", "untrained", "none"]


@dataclass(frozen=True)
class PromptFeatures:
    """Frozen text features of all classes of a data set."""

    features: NDArray[np.float32]
    """[R, classes, C], not normalised."""
    classes: list[str]
    """Class names, sorted; the second dimension of `features`."""
    texts: list[str]
    """The text of each class, as it stands in a sentence."""
    trained: bool
    """Whether the text tower has pretrained weights; False if there is no text tower."""

    @property
    def text(self) -> TextState:
        """Whether a trained or an untrained text tower made the features; `none`: no features."""
        if not self.features.shape[-1]:
            return "none"
        return "trained" if self.trained else "untrained"

    def ensemble(self, how: Literal["sum", "mean"]) -> Tensor:
        """f_tp of every class, [classes, C]: the sum (Eq. 2) or mean (release) over templates."""
        features = torch.from_numpy(self.features)
        return features.sum(dim=0) if how == "sum" else features.mean(dim=0)

    def of(
        self, classes: list[str], *, how: Literal["sum", "mean"], control: TextControl
    ) -> Tensor | None:
        """f_tp [N, C] of `classes`, in this order; None if the backbone has no text tower.

        These are the texts that a method gets: under `control`, within the set of `classes`,
        whatever their order. Raises ValueError for `permuted` with fewer than 2 classes.
        """
        if self.text == "none":
            return None
        names = sorted(set(classes))
        true = self.ensemble(how)[[self.classes.index(name) for name in names]]
        return controlled(true, control)[[names.index(name) for name in classes]]

    def save(self, path: Path) -> None:
        """Writes an HDF5 file. The same features always give the same bytes."""
        text = h5py.string_dtype()
        with atomic_path(path) as temporary, new_hdf5(temporary) as file:
            file.create_dataset("features", data=self.features)
            file.create_dataset("classes", data=self.classes, dtype=text)
            file.create_dataset("texts", data=self.texts, dtype=text)
            file.attrs["trained"] = self.trained

    @classmethod
    def load(cls, path: Path) -> "PromptFeatures":
        """Reads the file that `save` wrote. Raises DataError if it is missing or damaged."""
        with made_by("prompts", path), h5py.File(path) as file:
            return cls(
                features=file["features"][()],
                classes=list(file["classes"].asstr()[()]),
                texts=list(file["texts"].asstr()[()]),
                trained=bool(file.attrs["trained"]),
            )
