"""Text features of the classes: every template filled with every class text (Eq. 2, Table 6).

    A video of [CLS]  ×  pushing something from left to right  ->  features [R, N, C]

Stored per template; the ensemble over R happens at use. spm.model.text_tower makes them. Of a
visual tower without a text tower C is 0: the file holds the classes and their texts alone.
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
from spm.base.errors import DataError
from spm.base.new_hdf5 import new_hdf5

TextState = Literal["trained", "untrained", "none"]


@dataclass(frozen=True)
class PromptFeatures:
    """Frozen text features of all classes of a data set."""

    features: NDArray[np.float32]
    """[R, classes, C], not normalised."""
    classes: list[str]
    """Class names, sorted; the second dimension of `features`."""
    texts: list[str]
    """What each class is called in a sentence."""
    trained: bool
    """False where the text tower's weights are random, or where there is none."""

    @property
    def text(self) -> TextState:
        """Whether the features know what words mean; `none` where there are none."""
        if not self.features.shape[-1]:
            return "none"
        return "trained" if self.trained else "untrained"

    def ensemble(self, how: Literal["sum", "mean"]) -> Tensor:
        """f_tp of every class, [classes, C]: Eq. 2 sums over templates, the release averages."""
        features = torch.from_numpy(self.features)
        return features.sum(dim=0) if how == "sum" else features.mean(dim=0)

    def of(self, classes: list[str], *, how: Literal["sum", "mean"]) -> Tensor | None:
        """f_tp of the named classes, in their order, [N, C]; None where the tower has no text."""
        if self.text == "none":
            return None
        rows = [self.classes.index(name) for name in classes]
        return self.ensemble(how)[rows]

    def save(self, path: Path) -> None:
        """Writes an HDF5 file; the same features give the same bytes."""
        text = h5py.string_dtype()
        with atomic_path(path) as temporary, new_hdf5(temporary) as file:
            file.create_dataset("features", data=self.features)
            file.create_dataset("classes", data=self.classes, dtype=text)
            file.create_dataset("texts", data=self.texts, dtype=text)
            file.attrs["trained"] = self.trained

    @classmethod
    def load(cls, path: Path) -> "PromptFeatures":
        """Raises DataError where the file is missing or damaged."""
        try:
            with h5py.File(path) as file:
                return cls(
                    features=file["features"][()],
                    classes=list(file["classes"].asstr()[()]),
                    texts=list(file["texts"].asstr()[()]),
                    trained=bool(file.attrs["trained"]),
                )
        except (OSError, KeyError) as error:
            raise DataError(f"{path} cannot be read ({error}): dvc repro -f -s prompts") from error
