"""What MLflow imports to load a registered model (stages.tracking.logged_model).

    model = mlflow.pyfunc.load_model("models:/clip-spm-motion@best")
    model.predict(model.input_example)                               # probabilities [Q, N]

The input is an episode, named arrays:

    support         [S, T, H, W, 3] uint8, clips as spm.read_clip gives them
    support_labels  [S] int64, in 0..N-1
    query           [Q, T, H, W, 3] uint8
    class_text      [N, C] float32, as spm.encode_classes gives it; of methods that take texts

Each query is answered on its own, on the CPU. Shapes: `N` classes, `C` channels, `T` frames.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spm.model.model import FewShotModel, load_model

FOLDER = "model"
"""The model folder within the folder of MLflow's."""


class Classifier:
    """A few-shot model, as MLflow asks it."""

    def __init__(self, model: FewShotModel) -> None:
        self._model = model

    def predict(self, episode: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        """Probabilities [Q, N] float32. Raises ValueError for shapes or labels that do not fit."""
        given = {name: torch.tensor(np.asarray(values)) for name, values in episode.items()}
        with torch.no_grad():
            support = torch.cat([self._encode(clip) for clip in given["support"]])
            rows = [self._logits(support, self._encode(clip), given) for clip in given["query"]]
        logits = torch.cat(rows)
        return self._model.probabilities(logits, transductive=False).float().numpy()

    def _encode(self, clip: Tensor) -> Tensor:
        """[T, H, W, 3] -> [1, T, *feature_shape]: clip by clip, as recognizers do, since a batch of
        another size has other last digits."""
        return self._model.encode_video(clip)[None]

    def _logits(self, support: Tensor, query: Tensor, given: Mapping[str, Tensor]) -> Tensor:
        return self._model.classify_each(
            support, given["support_labels"], query, given.get("class_text")
        )


def _load_pyfunc(folder: str) -> Classifier:
    """MLflow's name for the function that it calls with the folder of a model."""
    return Classifier(load_model(Path(folder) / FOLDER))
