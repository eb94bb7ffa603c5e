"""Random models in the sizes of real trainings."""

from pathlib import Path

import torch
from torch import Tensor

from spm.base.yaml_file import read_yaml
from spm.config.model import method_values
from spm.methods.registry import build_method
from spm.model.backbone import build_backbone
from spm.model.model import FewShotModel, build_model
from spm.model.spec import ModelSpec

WAY, QUERY, FRAMES = 5, 4, 8
BACKBONES = {"RN50": "RN50-quickgelu", "ViT-B/16": "ViT-B-16-quickgelu"}
"""The paper's name of a backbone -> open_clip's name."""
CLIP = {"weights": None, "image_size": None, "batch_norm": "running"}
CLIP_HEAD = {"heads": 8, "head_dim": 256, "hidden_dim": 2048}


def build(
    backbone: str | None = None,
    *,
    precision: str = "float32",
    frozen: bool = False,
    channels: int | None = None,
    **model: object,
) -> FewShotModel:
    """The model of params.yaml; or open_clip's `backbone` with a head of the paper's size.

    channels: another C, for a model without a `backbone`. model: values of the section; of another
    `method` beginning with its own.
    """
    values = read_yaml(Path(__file__).parent.parent / "params.yaml")
    if backbone is not None:
        values["backbone"] |= CLIP | {"name": backbone}
        values["model"] |= CLIP_HEAD
    if "method" in model:
        values["model"] = method_values(str(model["method"]))
    values["backbone"] |= {"weights": None, "precision": precision, "frozen": frozen}
    values["model"] |= model
    names = ("backbone", "model", "frames", "prompts")
    sections = {name: values[name] for name in names}
    spec = ModelSpec(**sections, selection="validation", train_classes=None)
    model = build_model(spec) if channels is None else _with_channels(spec, channels)
    return model.eval()


def pixels(clips: int, *, size: int) -> Tensor:
    """Random pixels [clips, T, H, W, 3] uint8."""
    shape = (clips, FRAMES, size, size, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=_rng())


def features(clips: int, *, channels: int) -> Tensor:
    """Random features [clips, T, C]."""
    return torch.randn(clips, FRAMES, channels, generator=_rng())


def _with_channels(spec: ModelSpec, channels: int) -> FewShotModel:
    """The model with another projection, [2048 -> C], at the end of its visual tower."""
    backbone = build_backbone(spec.backbone)
    backbone.visual.trunk.reset_classifier(channels)
    backbone.channels = channels
    method = build_method(spec.model, channels=channels, num_frames=spec.frames.num_segments)
    return FewShotModel(backbone, method, config=spec)


def _rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
