"""Small models and episodes for tests."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spm.base.yaml_file import read_yaml
from spm.config.backbone import BackboneConfig
from spm.config.base import validate
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig, method_values
from spm.config.prompts import PromptsConfig, TextControl
from spm.methods.base import EpisodeFeatures, Losses
from spm.model.calibration import Calibration, Fit
from spm.model.model import FewShotModel, build_model
from spm.model.spec import ModelSpec
from stages.shared import params
from tests import tiny_clip


def spec(
    *, backbone: dict[str, Any] | None = None, control: TextControl = "none", **model: Any
) -> ModelSpec:
    """The project's own parameters with a 16-channel tower, and what a test changes.

    control: of the texts. model: values of the section, of another `method` beginning with its own.
    """
    document = read_yaml(params.PARAMS)
    small = {"name": tiny_clip.CONV, "weights": None}
    sizes = {"heads": 2, "head_dim": 8, "hidden_dim": 24}
    values = document["model"] | sizes
    if "method" in model:
        values = method_values(model["method"])
    return ModelSpec(
        backbone=BackboneConfig(**document["backbone"] | small | (backbone or {})),
        model=validate(ModelConfig, values | model, name="model"),
        frames=FramesConfig(**document["frames"]),
        prompts=PromptsConfig(**document["prompts"] | {"control": control}),
        selection="validation",
        train_classes=None,
    )


def build(**changes: Any) -> FewShotModel:
    """A small model in float64, in evaluation mode."""
    return build_model(spec(**changes)).double().eval()


def calibrated(*, classify: float, classify_each: float) -> Calibration:
    """With these temperatures, on 9 episodes."""
    together, each = (
        Fit(temperature=value, episodes=9, way=5, shot=1, query=2, nll_before=1.0, nll=0.5)
        for value in (classify, classify_each)
    )
    return Calibration(classify=together, classify_each=each, reason=None)


def losses_of(
    model: FewShotModel,
    support: Tensor,
    support_labels: Tensor,
    query: Tensor,
    query_labels: Tensor,
    class_text: Tensor,
) -> Losses:
    """Of features, as training gives them to the model's method."""
    episode = EpisodeFeatures(
        support, support_labels, query, class_text, num_classes=class_text.shape[-2]
    )
    return model.method.losses(episode, query_labels)


@dataclass
class Features:
    """An episode's features."""

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor
    class_text: Tensor

    def for_classify(self) -> tuple[Tensor, ...]:
        return self.support, self.support_labels, self.query, self.class_text

    def for_losses(self) -> tuple[Tensor, ...]:
        return (
            self.support,
            self.support_labels,
            self.query,
            self.query_labels,
            self.class_text,
        )


def features(
    *, shots: list[int], query: int = 2, frames: int = 4, channels: int = 16, seed: int = 0
) -> Features:
    """Random features; class n has shots[n] supports and `query` queries."""
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=rng)

    labels = torch.arange(len(shots))
    return Features(
        support=draw(sum(shots), frames, channels),
        support_labels=labels.repeat_interleave(torch.tensor(shots)),
        query=draw(len(shots) * query, frames, channels),
        query_labels=labels.repeat_interleave(query),
        class_text=draw(len(shots), channels),
    )
