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

from spm.base.errors import DataError
from spm.config.backbone import BackboneConfig, BatchNormStatistics, Precision
from spm.model.towers import table
from spm.model.towers.blocks import Blocks
from spm.model.towers.check_last import check_last
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
        train_last: int | None = None,
    ) -> None:
        """frozen, train_last: as in BackboneConfig; the tower has at least `train_last` blocks."""
        super().__init__()
        self.visual = tower.visual
        self.channels = tower.channels
        self.image_size = tower.image_size
        self.precision = precision
        self.batch_norm = batch_norm
        self.validated = False
        """Whether training has validated yet; `batch_norm = "running-then-batch"` reads this."""
        self.has_frozen_part = frozen or train_last is not None
        self._train_last = train_last
        self._maps, self._blocks = tower.maps, tower.blocks
        mean, std = (tower.mean, tower.std) if normalize else ((0.0,) * 3, (1.0,) * 3)
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)
        if self.has_frozen_part:
            for name, parameter in self.visual.named_parameters():
                parameter.requires_grad_(parameter.requires_grad and self._is_trained(name))
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

    def normalized(self, pixels: Tensor) -> Tensor:
        """pixels [..., H, W, 3] uint8 -> [..., 3, H, W], by the tower's mean and deviation.

        Raises ValueError as `forward`.
        """
        images = self._images(pixels)
        return images.reshape(*pixels.shape[:-3], *images.shape[1:])

    def encode_frozen(self, pixels: Tensor, *, maps: bool = False) -> Tensor:
        """pixels [..., H, W, 3] uint8 -> the output of the frozen part, [..., *frozen shape].

        Without gradient, in the dtype of the weights. maps: whether `maps` are wanted in the end.
        Raises ValueError if no part is frozen.
        """
        self._check_has_frozen_part()
        with torch.no_grad():
            images = self._images(pixels)
            return self._of_each_frame(self._front(maps=maps), images, leading=pixels.shape[:-3])

    def encode_trained(self, frozen: Tensor, *, maps: bool = False) -> Tensor:
        """The output of the frozen part [..., *frozen shape] -> features, or maps, of each frame.

        The same bits as `forward` and `maps`. A tower that is frozen whole has nothing left to do.
        Raises ValueError for another shape, or if no part is frozen.
        """
        self._check_has_frozen_part()
        if self._train_last is None:
            return frozen
        expected = self._front_shape
        frames = frozen.dim() - len(expected)
        if frames < 1 or tuple(frozen.shape[frames:]) != expected:
            raise ValueError(
                f"expected the output of encode_frozen, [..., {', '.join(map(str, expected))}]; "
                f"got {list(frozen.shape)}"
            )
        tail = partial(self._cut.tail, self.visual, last=self._train_last, maps=maps)
        inputs = frozen.flatten(end_dim=frames - 1)
        return self._of_each_frame(tail, inputs, leading=frozen.shape[:frames])

    def frozen_shape(self, *, maps: bool = False) -> tuple[int, ...]:
        """The shape of one frame's output of the frozen part. Raises ValueError without one."""
        self._check_has_frozen_part()
        if self._train_last is not None:
            return self._front_shape
        return (self.map_channels, self.map_size, self.map_size) if maps else (self.channels,)

    def is_frozen(self, name: str) -> bool:
        """Whether the tensor `name` of `state_dict` is of the frozen part."""
        return self.has_frozen_part and not self._is_trained(name.removeprefix("visual."))

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
            for name, module in self.visual.named_modules():
                module.training = mode and self._is_trained(name)
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
        whole = self._whole(maps=maps)
        return self._of_each_frame(whole, self._images(pixels), leading=pixels.shape[:-3])

    def _whole(self, *, maps: bool) -> Callable[[Tensor], Tensor]:
        """The tower, from images to features or maps."""
        return partial(self._maps, self.visual) if maps else self.visual

    def _front(self, *, maps: bool) -> Callable[[Tensor], Tensor]:
        """The frozen part, from images on."""
        if self._train_last is None:
            return self._whole(maps=maps)
        return partial(self._cut.front, self.visual, last=self._train_last)

    @property
    def _cut(self) -> Blocks:
        """The blocks of a tower with `train_last`."""
        assert self._blocks is not None
        return self._blocks

    def _is_trained(self, name: str) -> bool:
        """Whether a module or tensor of `visual`, of which a part is frozen, is trained."""
        return self._train_last is not None and self._cut.in_tail(name, last=self._train_last)

    def _check_has_frozen_part(self) -> None:
        if not self.has_frozen_part:
            raise ValueError(
                "no part of this tower is frozen: it was built with backbone.frozen: false and "
                "backbone.train_last: null"
            )

    def _images(self, pixels: Tensor) -> Tensor:
        """pixels [..., H, W, 3] uint8 -> normalised images [B, 3, H, W]."""
        expected = (self.image_size, self.image_size, 3)
        if pixels.dtype != torch.uint8 or tuple(pixels.shape[-3:]) != expected:
            raise ValueError(
                f"expected uint8 pixels [..., {self.image_size}, {self.image_size}, 3]; got "
                f"{pixels.dtype} {list(pixels.shape)}: crop with spm.episodes.transforms first"
            )
        images = (pixels.flatten(end_dim=-4).to(self.mean.dtype) / 255 - self.mean) / self.std
        return images.permute(0, 3, 1, 2)

    def _of_each_frame(
        self, part: Callable[[Tensor], Tensor], inputs: Tensor, *, leading: torch.Size
    ) -> Tensor:
        """A part of the tower on inputs [B, ...], in `precision` -> [*leading, ...]."""
        low = self.precision == "bfloat16"
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=low):
            made = part(inputs)
        return made.to(self.mean.dtype).reshape(*leading, *made.shape[1:])

    @cached_property
    def _map_shape(self) -> tuple[int, int]:
        """(C, H) of the maps, measured, since not every tower states them."""
        channels, size, _ = self._shape_of(self.maps)
        return channels, size

    @cached_property
    def _front_shape(self) -> tuple[int, ...]:
        """The shape of a frame's output of the frozen part, measured."""
        return self._shape_of(self.encode_frozen)

    def _shape_of(self, encode: Callable[[Tensor], Tensor]) -> tuple[int, ...]:
        """The shape that `encode` makes of one black frame."""
        side = self.image_size
        black = torch.zeros(1, side, side, 3, dtype=torch.uint8, device=self.mean.device)
        was_training = self.training
        self.eval()
        with torch.no_grad():
            shape = tuple(encode(black).shape[1:])
        self.train(was_training)
        return shape


def build_backbone(config: BackboneConfig, *, load_weights: bool = True) -> Backbone:
    """The visual tower that `config` describes: random from its seed, then the pretrained weights.

    `load_weights=False` skips the pretrained weights, for a saved model that has its own. Raises
    ConfigError for an unknown name, size or tag, a missing file, or weights of another model.
    """
    row = table.row(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        tower = row.visual().build(config)
    check_last(config, num_blocks=len(tower.blocks.names) if tower.blocks else None)
    if load_weights and config.weights is not None:
        row.weights().load(tower.visual, config)
    return Backbone(
        tower,
        normalize=config.normalize,
        precision=config.precision,
        batch_norm=config.batch_norm,
        frozen=config.frozen,
        train_last=config.train_last,
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
