"""Tower, the result of building a tower, and the interfaces of the modules that build towers.

spm.model.towers.table lists these modules.
Shapes: `B` frames, `C` channels, `H`, `W` positions of a map.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from spm.config.backbone import BackboneConfig
from spm.model.towers.blocks import Blocks


@dataclass(frozen=True)
class Tower:
    """A visual tower: images [B, 3, side, side], normalised -> features [B, C]."""

    visual: nn.Module
    maps: Callable[[nn.Module, Tensor], Tensor]
    """(visual, images) -> [B, C', H, W], the features before pooling; C' may differ from C."""
    blocks: Blocks | None
    """Where the tower can be cut; None for a kind whose blocks are not known."""
    channels: int
    """C"""
    image_size: int
    """Side of the images, in pixels."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """Mean and standard deviation of the pixels, in 0…1, that the tower expects; by R, G, B."""


class VisualTowers(Protocol):
    """A module that builds the visual towers of one kind."""

    def build(self, config: BackboneConfig, /) -> Tower:
        """A tower with random weights from torch's global generator.

        Raises ConfigError for an unknown name or a size that the tower cannot take.
        """


class Weights(Protocol):
    """A module that loads the pretrained weights of one kind.

    `config.weights` is not None, but for `default`.
    """

    def default(self, config: BackboneConfig, /) -> str:
        """The weights of `config.name` that need no choice. Raises ConfigError without any."""

    def check(self, config: BackboneConfig, /) -> None:
        """Raises ConfigError for weights that are known not to fit. Downloads nothing."""

    def doubt(self, config: BackboneConfig, /) -> str:
        """A warning about weights that probably do not fit, or ""."""

    def load(self, visual: nn.Module, config: BackboneConfig, /) -> None:
        """Fills the tower. Raises ConfigError that lists the tensors that do not fit."""


class TextTowers(Protocol):
    """A module that builds the text towers of one kind."""

    def build(self, config: BackboneConfig, /) -> nn.Module:
        """The tower, in evaluation mode with its weights: tokens [texts, L] -> [texts, C]."""

    def tokenizer_of(self, config: BackboneConfig, /) -> str:
        """The name of the open_clip model whose tokenizer the tower uses."""
