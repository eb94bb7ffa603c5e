"""Passes of a training: the gradients of the episodes that go through the model together."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from spm.config.train import TrainConfig
from spm.episodes.training_data import EpisodeClips
from spm.model.model import FewShotModel
from spm.training.losses import (
    EncodedEpisodes,
    encode_episodes,
    history_rows,
    method_losses,
    objective,
)
from spm.training.recorded_method import RecordedMethod


class Passes:
    """Forward and backward passes of a model."""

    def __init__(
        self,
        model: FewShotModel,
        class_text: Tensor | None,
        config: TrainConfig,
        *,
        cuda_graph: bool,
        told: Callable[[str], object] = print,
    ) -> None:
        """class_text [training classes, C]. cuda_graph: on a GPU, record the method's part.

        told: is told, once, that the method cannot be recorded.
        """
        self._model, device = model, next(model.parameters()).device
        text = None if class_text is None else class_text.to(device)
        # No bound method: with a cycle, graphs and their memory would outlive the training.
        self._of_method = partial(_of_method, model=model, class_text=text, config=config)
        self._recorded = None
        if cuda_graph and device.type == "cuda":
            trained = [each for each in model.method.parameters() if each.requires_grad]
            self._recorded = RecordedMethod(self._of_method, trained, told)

    def __call__(self, episodes: EpisodeClips) -> Tensor:
        """Adds the gradients of E episodes to those of the parameters.

        Returns a row of `History.columns` for each, [E, columns].
        """
        encoded = encode_episodes(self._model, episodes)
        if self._recorded is not None:
            return self._recorded(encoded)
        total, rows = self._of_method(encoded)
        torch.autograd.backward(total)
        return rows


def _of_method(
    encoded: EncodedEpisodes,
    *,
    model: FewShotModel,
    class_text: Tensor | None,
    config: TrainConfig,
) -> tuple[Tensor, Tensor]:
    """The objective, and the rows of the history."""
    losses = method_losses(model, encoded, class_text)
    return objective(losses, config), history_rows(losses, encoded.query_labels)
