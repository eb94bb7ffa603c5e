"""What a row of spm.model.towers.table builds, and the modules that build it.

Shapes: `B` frames, `C` channels, `H`, `W` places of a map.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from spm.config.backbone import BackboneConfig


@dataclass(frozen=True)
class Tower:
    """A visual tower: images [B, 3, side, side], normalised -> features [B, C]."""

    visual: nn.Module
    maps: Callable[[nn.Module, Tensor], Tensor]
    """(visual, images) -> [B, C', H, W], what the tower has before it pools; C' may be another."""
    channels: int
    """C"""
    image_size: int
    """Side of the images, in pixels."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """Of the pixels from 0 to 1 on which such towers are trained; by channel R, G, B."""


class VisualTowers(Protocol):
    """A module that builds the visual towers of one kind."""

    def build(self, config: BackboneConfig, /) -> Tower:
        """With random weights, of torch's global generator. Raises ConfigError."""


class Weights(Protocol):
    """A module that knows the pretrained weights of one kind; `config.weights` is given."""

    def check(self, config: BackboneConfig, /) -> None:
        """Raises ConfigError for weights that are known to be wrong. Nothing is fetched."""

    def doubt(self, config: BackboneConfig, /) -> str:
        """A sentence on what is probably wrong, or ""."""

    def load(self, visual: nn.Module, config: BackboneConfig, /) -> None:
        """Fills the tower. Raises ConfigError that says which tensors do not fit."""


class TextTowers(Protocol):
    """A module that builds the text towers of one kind."""

    def build(self, config: BackboneConfig, /) -> nn.Module:
        """In evaluation mode, with its weights: tokens [sentences, length] -> [sentences, C]."""

    def tokenizer_of(self, config: BackboneConfig, /) -> str:
        """The model of open_clip whose tokens the tower reads."""
