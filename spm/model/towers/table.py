"""The kinds of visual towers, one row for each form of `backbone.name`.

    timm/NAME       a model of timm with its tag, as timm/resnet50.tv_in1k: visual only
    NAME            a model of open_clip, as RN50-quickgelu, or builtin-clip: visual and text

A row says which features a tower has, how large its frames are and how many blocks it is made of.
The modules that build towers import torch, so a row imports them on the first call. All other code
asks this table about a tower and never looks at its name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from spm.base.errors import ConfigError
from spm.config.backbone import BackboneConfig, Kind
from spm.model import clip_models
from spm.model.towers.check_last import check_last

if TYPE_CHECKING:
    from spm.model.towers.tower import TextTowers, VisualTowers, Weights


@dataclass(frozen=True)
class Row:
    """A kind of towers. `text` is None for a kind without text towers."""

    image_size: Callable[[BackboneConfig], int]
    maps: Callable[[BackboneConfig], bool]
    num_blocks: Callable[[BackboneConfig], int | None]
    visual: "Callable[[], VisualTowers]"
    weights: "Callable[[], Weights]"
    text: "Callable[[], TextTowers] | None"


def row(backbone: BackboneConfig) -> Row:
    """The row of the tower that `backbone` names."""
    return _ROWS[backbone.kind]


def gives_text(backbone: BackboneConfig) -> bool:
    """Whether the backbone has a text tower: class texts [N, C], with C of the frames [T, C]."""
    return row(backbone).text is not None


def gives_maps(backbone: BackboneConfig) -> bool:
    """Whether the tower has feature maps [T, C, H, W]. Imports timm and torch for timm's models."""
    return row(backbone).maps(backbone)


def image_size(backbone: BackboneConfig) -> int:
    """Side in pixels of the tower's frames. Imports timm and torch for timm's models.

    Raises ConfigError for an unknown name (the error lists similar names), or a size that the tower
    cannot take.
    """
    return row(backbone).image_size(backbone)


def check_train_last(backbone: BackboneConfig) -> None:
    """Raises ConfigError for a tower that cannot be cut at `backbone.train_last`.

    Builds the towers of timm, without numbers, to count their blocks; also those in open_clip.
    """
    if backbone.train_last is not None:
        check_last(backbone, num_blocks=row(backbone).num_blocks(backbone))


def check_gives(
    method: str, *, features: Literal["frames", "maps"], text: bool, backbone: BackboneConfig
) -> None:
    """Raises ConfigError if the method needs maps or class texts that the backbone lacks."""
    if text and not gives_text(backbone):
        raise ConfigError(
            f"model.method: {method} needs class texts, and {backbone.name} has no text tower: "
            "take an open_clip tower, or a method without text"
        )
    if features == "maps" and not gives_maps(backbone):
        raise ConfigError(
            f"model.method: {method} needs feature maps, and {backbone.name} gives none: "
            "take another tower, or a method that needs frames alone"
        )


def default_weights(backbone: BackboneConfig) -> str:
    """`backbone.weights` for a user who names a tower alone: built-in, or what a tag of timm names.

    Raises ConfigError for a tower of which several are published; the error lists them.
    """
    return row(backbone).weights().default(backbone)


def check_weights(backbone: BackboneConfig) -> None:
    """Raises ConfigError for `backbone.weights` that are known not to fit the tower.

    Downloads nothing and builds no tower.
    """
    if backbone.weights is not None:
        row(backbone).weights().check(backbone)


def doubt(backbone: BackboneConfig) -> str:
    """A warning if the weights probably belong to another model, else ""."""
    return "" if backbone.weights is None else row(backbone).weights().doubt(backbone)


def _always(_: BackboneConfig) -> bool:
    return True


def _timm_size(backbone: BackboneConfig) -> int:
    from spm.model.towers import timm_tower

    return timm_tower.image_size(backbone)


def _timm_maps(backbone: BackboneConfig) -> bool:
    from spm.model.towers import timm_tower

    return timm_tower.gives_maps(backbone)


def _clip_blocks(backbone: BackboneConfig) -> int | None:
    return clip_models.num_blocks(backbone) or _built_blocks(backbone)


def _built_blocks(backbone: BackboneConfig) -> int | None:
    import torch

    with torch.device("meta"):
        blocks = row(backbone).visual().build(backbone).blocks
    return None if blocks is None else len(blocks.names)


def _clip() -> "VisualTowers":
    from spm.model.towers import clip

    return clip


def _clip_weights() -> "Weights":
    from spm.model.towers import clip_weights

    return clip_weights


def _clip_text() -> "TextTowers":
    from spm.model.towers import clip_text

    return clip_text


def _timm() -> "VisualTowers":
    from spm.model.towers import timm_tower

    return timm_tower


def _timm_weights() -> "Weights":
    from spm.model.towers import timm_weights

    return timm_weights


_ROWS: dict[Kind, Row] = {
    "timm": Row(
        image_size=_timm_size,
        maps=_timm_maps,
        num_blocks=_built_blocks,
        visual=_timm,
        weights=_timm_weights,
        text=None,
    ),
    "open_clip": Row(
        image_size=clip_models.image_size,
        maps=_always,
        num_blocks=_clip_blocks,
        visual=_clip,
        weights=_clip_weights,
        text=_clip_text,
    ),
}
