"""`backbone`: the tower that sees frames, and the one that reads class texts."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from spm.config.base import Section
from spm.config.seed import Seed

TIMM = "timm/"
"""The prefix of timm's names."""
Kind = Literal["timm", "open_clip"]
BatchNormStatistics = Literal["running", "batch", "running-then-batch"]
Precision = Literal["float32", "bfloat16"]


class BackboneConfig(Section):
    """The visual tower, fine-tuned whole or in part, and the text tower, which stays frozen."""

    name: str = Field(min_length=1)
    """`builtin-clip` (the small CLIP in the package), a name that open_clip lists, or `timm/` and a
    model of timm with its tag (`timm/resnet50.tv_in1k`; visual only)."""
    weights: str | None
    """open_clip: a pretrained tag (`openai`; of builtin-clip `built-in`); timm: `pretrained`, the
    weights that the name's tag chooses; either: a file; null: random weights from `seed`."""
    image_size: int | None = Field(ge=16)
    """Side of the square crop in pixels; null: the size that open_clip or timm gives the model.
    Most timm models take other sizes too."""
    batch_norm: BatchNormStatistics
    """BatchNorm's statistics in training: `running` keeps the pretrained ones, `batch` learns them;
    `running-then-batch`, the release's, keeps them up to the first validation, then learns."""
    normalize: bool
    """Subtract the tower's pixel mean (CLIP's, or that of the timm model) and divide by its
    standard deviation."""
    precision: Precision
    """Number format in which the visual tower computes; `bfloat16` by autocast, for GPUs. Weights,
    the head, distances and losses are float32 either way."""
    frozen: bool
    """Train no weight of the visual tower: the method alone is trained."""
    train_last: int | None = Field(ge=1)
    """Train only the last blocks of the visual tower, this many, and what follows them (norm,
    pooling, projection); null: train all. Blocks are those of a ViT, and the four stages of a
    ResNet; builtin-clip has three, after its first layer. An error for other towers."""
    seed: Seed
    """Seed of random weights, visual and text."""

    @property
    def kind(self) -> Kind:
        """The kind of tower: a row of spm.model.towers.table."""
        return kind_of(self.name)

    @property
    def has_frozen_part(self) -> bool:
        """Whether training leaves the tower, or its first blocks, as they are."""
        return self.frozen or self.train_last is not None

    @field_validator("name")
    @classmethod
    def _is_no_tower_of_before(cls, name: str) -> str:
        if name == "conv":
            raise ValueError(
                "the tower 'conv' is gone: builtin-clip has its layers, at 56 pixels and C = 128: "
                "set backbone.name: builtin-clip and backbone.image_size: null"
            )
        return name

    @model_validator(mode="after")
    def _is_frozen_in_one_way(self) -> "BackboneConfig":
        if self.frozen and self.train_last is not None:
            raise ValueError(
                f"frozen trains no block of the tower, and train_last = {self.train_last} trains "
                "the last ones: set frozen to false, or train_last to null"
            )
        return self


def kind_of(name: str) -> Kind:
    """The kind of the tower `name`: timm by the prefix, else open_clip."""
    return "timm" if name.startswith(TIMM) else "open_clip"
