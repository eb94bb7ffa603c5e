"""The visual tower with its preprocessing: from stored frames to features.

    pixels ─ frozen part ─ trained part ─ features

Training leaves the frozen part as it is: all of the tower, or what precedes its last blocks, or
nothing. spm.model.towers builds the visual towers, spm.model.text_tower the text tower.
Shapes: `...` any leading dimensions, `H`, `W` of the frame, `C` channels.
"""

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from spm.base.errors import ConfigError, DataError
from spm.config.backbone import BackboneConfig, BatchNormStatistics, Precision
from spm.model.towers import table
from spm.model.towers.tower import Tower

WEIGHTS_FILE = "model.safetensors"
"""In a model folder: the weights of tower and method."""
PREFIX = "backbone."
"""Of the names of the tower's tensors there."""


class Backbone(nn.Module):
    """Normalises stored frames, then applies the visual tower to each frame."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        tower: Tower,
        *,
        normalize: bool,
        precision: Precision,
        batch_norm: BatchNormStatistics,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.visual = tower.visual
        self.channels = tower.channels
        self.image_size = tower.image_size
        self.precision = precision
        self.batch_norm = batch_norm
        self.validated = False
        """Whether training has validated yet; `batch_norm = "running-then-batch"` reads this."""
        self.has_frozen_part = frozen
        self._maps = tower.maps
        mean, std = (tower.mean, tower.std) if normalize else ((0.0,) * 3, (1.0,) * 3)
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)
        if self.has_frozen_part:
            self.visual.requires_grad_(False)
            self.train()

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels [..., H, W, 3] uint8 -> features [..., C], not normalised to length one.

        Features have the dtype of the weights, whatever `precision` the tower computes in.
        """
        return self._features(pixels, maps=False)

    def maps(self, pixels: Tensor) -> Tensor:
        """pixels [..., H, W, 3] uint8 -> [..., map_channels, map_size, map_size].

        The maps are the tower's features before pooling: of its last stage, or the patch tokens of
        its last block. The pooling layers get no gradient from maps. Raises ConfigError for a tower
        without maps.
        """
        return self._features(pixels, maps=True)

    def encode_frozen(self, pixels: Tensor, *, maps: bool = False) -> Tensor:
        """pixels [..., H, W, 3] uint8 -> the output of the frozen part, [..., *frozen shape].

        Without gradient, in the dtype of the weights. maps: whether `maps` are wanted in the end.
        Raises ValueError if no part is frozen.
        """
        if not self.has_frozen_part:
            raise ValueError(
                "no part of this tower is frozen: it was built with backbone.frozen: false and "
                "backbone.train_last: null"
            )
        with torch.no_grad():
            return self._of_each_frame(self._whole(maps=maps), pixels)

    def encode_trained(self, frozen: Tensor, *, maps: bool = False) -> Tensor:
        """The output of the frozen part [..., *frozen shape] -> features, or maps, of each frame.

        The same bits as `forward` and `maps`. A tower that is frozen whole has nothing left to do.
        """
        return frozen

    @property
    def map_channels(self) -> int:
        """C of `maps`; may differ from C of the pooled features."""
        return self._map_shape[0]

    @property
    def map_size(self) -> int:
        """H = W of `maps`."""
        return self._map_shape[1]

    def train(self, mode: bool = True) -> "Backbone":
        """Sets the training mode. `batch_norm` decides the mode of the BatchNorm layers.

        `running`: they normalise by the loaded running statistics, as in evaluation. `batch`: they
        normalise by the batch and update the statistics. `running-then-batch`: `running` until the
        first validation, then `batch`. The frozen part stays in evaluation mode.
        """
        super().train(mode)
        if self.has_frozen_part:
            self.visual.eval()
        learns = self.batch_norm == "batch" or (
            self.batch_norm == "running-then-batch" and self.validated
        )
        if not learns:
            for module in self.visual.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _features(self, pixels: Tensor, *, maps: bool) -> Tensor:
        if self.has_frozen_part:
            return self.encode_trained(self.encode_frozen(pixels, maps=maps), maps=maps)
        return self._of_each_frame(self._whole(maps=maps), pixels)

    def _whole(self, *, maps: bool) -> Callable[[Tensor], Tensor]:
        """The tower, from images to features or maps."""
        return partial(self._maps, self.visual) if maps else self.visual

    def _of_each_frame(self, tower: Callable[[Tensor], Tensor], pixels: Tensor) -> Tensor:
        expected = (self.image_size, self.image_size, 3)
        if pixels.dtype != torch.uint8 or tuple(pixels.shape[-3:]) != expected:
            raise ValueError(
                f"expected uint8 pixels [..., {self.image_size}, {self.image_size}, 3]; got "
                f"{pixels.dtype} {list(pixels.shape)}: crop with spm.episodes.transforms first"
            )
        images = (pixels.flatten(end_dim=-4).to(self.mean.dtype) / 255 - self.mean) / self.std
        low = self.precision == "bfloat16"
        with torch.autocast(pixels.device.type, dtype=torch.bfloat16, enabled=low):
            made = tower(images.permute(0, 3, 1, 2))
        return made.to(self.mean.dtype).reshape(*pixels.shape[:-3], *made.shape[1:])

    @cached_property
    def _map_shape(self) -> tuple[int, int]:
        """(C, H) of the maps, measured on one black frame, since not every tower states them."""
        side = self.image_size
        black = torch.zeros(1, side, side, 3, dtype=torch.uint8, device=self.mean.device)
        was_training = self.training
        self.eval()
        with torch.no_grad():
            _, channels, size, _ = self.maps(black).shape
        self.train(was_training)
        return channels, size


def build_backbone(config: BackboneConfig, *, load_weights: bool = True) -> Backbone:
    """The visual tower that `config` describes: random from its seed, then the pretrained weights.

    `load_weights=False` skips the pretrained weights, for a saved model that has its own. Raises
    ConfigError for an unknown name, size or tag, a missing file, or weights of another model.
    """
    row = table.row(config)
    if config.train_last is not None:
        raise ConfigError(f"backbone.train_last = {config.train_last}: no tower is split yet")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        tower = row.visual().build(config)
    if load_weights and config.weights is not None:
        row.weights().load(tower.visual, config)
    return Backbone(
        tower,
        normalize=config.normalize,
        precision=config.precision,
        batch_norm=config.batch_norm,
        frozen=config.frozen,
    )


def load_tower(backbone: Backbone, folder: Path) -> None:
    """Fills `backbone` from a model folder of any method. Raises DataError for unlike tensors."""
    from spm.base.state_dicts import misfit
    from spm.model.weights import read_safetensors

    state = {
        name.removeprefix(PREFIX): value
        for name, value in read_safetensors(folder / WEIGHTS_FILE).items()
        if name.startswith(PREFIX)
    }
    if said := misfit(state, {name: value.shape for name, value in backbone.state_dict().items()}):
        raise DataError(f"{folder} does not fit the tower that the parameters ask for: {said}")
    backbone.load_state_dict(state)
