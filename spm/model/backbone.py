"""The CLIP encoder: a visual tower that is fine-tuned; the text tower is in spm.model.text_tower.

`conv` is a small tower for the built-in data set. Every other name is a model of open_clip, of
which only the visual tower is built.
"""

import itertools

import torch
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.base.state_dicts import misfit
from spm.config.backbone import CONV, BackboneConfig, BatchNormStatistics, Precision
from spm.model.clip_models import describe, image_size
from spm.model.weight_facts import CLIP_MEAN, CLIP_STD, check_weights
from spm.model.weights import read_weights, resolve_weights

_VISUAL = "visual."


class Backbone(nn.Module):
    """Frames as stored to features: normalises, then applies the visual tower to each frame."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        visual: nn.Module,
        *,
        channels: int,
        image_size: int,
        normalize: bool,
        precision: Precision,
        batch_norm: BatchNormStatistics,
    ) -> None:
        super().__init__()
        self.visual = visual
        self.channels = channels
        self.image_size = image_size
        self.precision = precision
        self.batch_norm = batch_norm
        self.validated = False
        """Whether training has validated yet: `running-then-batch` depends on it."""
        mean, std = (CLIP_MEAN, CLIP_STD) if normalize else ((0.0,) * 3, (1.0,) * 3)
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels [..., H, W, 3] uint8 -> [..., C], not normalised to length one.

        In the weights' own type, whatever `precision` the tower computes in.
        """
        expected = (self.image_size, self.image_size, 3)
        if pixels.dtype != torch.uint8 or tuple(pixels.shape[-3:]) != expected:
            raise ValueError(
                f"expected uint8 pixels [..., {self.image_size}, {self.image_size}, 3]; got "
                f"{pixels.dtype} {list(pixels.shape)}: crop with spm.episodes.transforms first"
            )
        images = (pixels.flatten(end_dim=-4).to(self.mean.dtype) / 255 - self.mean) / self.std
        low = self.precision == "bfloat16"
        with torch.autocast(pixels.device.type, dtype=torch.bfloat16, enabled=low):
            features: Tensor = self.visual(images.permute(0, 3, 1, 2))
        return features.to(self.mean.dtype).reshape(*pixels.shape[:-3], self.channels)

    def train(self, mode: bool = True) -> "Backbone":
        """With `batch_norm: running` the statistics stay as they were loaded."""
        super().train(mode)
        until_validated = self.batch_norm == "running-then-batch" and not self.validated
        if self.batch_norm == "running" or until_validated:
            for module in self.visual.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self


def build_backbone(config: BackboneConfig, *, load_weights: bool = True) -> Backbone:
    """The visual tower of `config`, random from its seed, then with its pretrained weights.

    `load_weights=False` leaves the random ones: for a saved model, whose own weights follow.
    Raises ConfigError for a name or a tag that open_clip does not have, a missing file, or weights
    of another model (spm.model.weight_facts).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        visual, channels, image_size = _conv(config) if config.name == CONV else _clip(config)
    if load_weights and config.weights is not None:
        _load_visual(visual, config)
    return Backbone(
        visual,
        channels=channels,
        image_size=image_size,
        normalize=config.normalize,
        precision=config.precision,
        batch_norm=config.batch_norm,
    )


def _conv(config: BackboneConfig) -> tuple[nn.Module, int, int]:
    """Four 3×3 stride-2 layers, then a linear layer over all positions."""
    assert config.embed_dim is not None
    assert config.image_size is not None
    widths = (3, 16, 32, 64, 128)
    layers: list[nn.Module] = []
    for entering, leaving in itertools.pairwise(widths):
        conv = nn.Conv2d(entering, leaving, 3, stride=2, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(leaving), nn.ReLU()]
    side = -(-config.image_size // 16)
    linear = nn.Linear(widths[-1] * side * side, config.embed_dim)
    return nn.Sequential(*layers, nn.Flatten(), linear), config.embed_dim, config.image_size


def _clip(config: BackboneConfig) -> tuple[nn.Module, int, int]:
    description = describe(config.name)
    # open_clip builds whole models only; this builder of its is the one way to a visual tower
    # without its text tower. tests/model/test_backbone.py holds it to what create_model builds.
    from open_clip.model import _build_vision_tower

    channels = description["embed_dim"]
    quick_gelu = description.get("quick_gelu", False)
    visual = _build_vision_tower(channels, description["vision_cfg"], quick_gelu)
    return visual, channels, image_size(config)


def _load_visual(visual: nn.Module, config: BackboneConfig) -> None:
    assert config.weights is not None
    check_weights(config)
    path = resolve_weights(config.name, config.weights)
    given = read_weights(path)
    state = {name: value for name, value in given.items() if name.startswith(_VISUAL)} or given
    expected = {f"{_VISUAL}{name}": value.shape for name, value in visual.state_dict().items()}
    if said := misfit(state, expected):
        raise ConfigError(
            f"backbone.weights: {path} does not hold {config.name}'s visual tower: {said}"
        )
    visual.load_state_dict({name.removeprefix(_VISUAL): state[name] for name in expected})
