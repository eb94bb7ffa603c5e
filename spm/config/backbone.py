"""`backbone`: the tower that sees frames, and the one that reads class texts."""

from typing import Literal

from pydantic import Field, model_validator

from spm.config.base import Section

CONV = "conv"
TIMM = "timm/"
"""The prefix of timm's names."""
Kind = Literal["conv", "timm", "open_clip"]
BatchNormStatistics = Literal["running", "batch", "running-then-batch"]
Precision = Literal["float32", "bfloat16"]


class BackboneConfig(Section):
    """The visual tower that is fine-tuned, and the text tower that stays frozen."""

    name: str = Field(min_length=1)
    """`conv` (small, trained from scratch), `timm/` and a model of timm with its tag
    (`timm/resnet50.tv_in1k`; visual only), or a name that open_clip lists."""
    weights: str | None
    """open_clip: a pretrained tag (`openai`); timm: `pretrained`, the weights that the name's tag
    chooses; either: a file; null: random weights from `seed`."""
    image_size: int | None = Field(ge=16)
    """Side of the square crop in pixels; null: the size that open_clip or timm gives the model.
    Most timm models take other sizes too."""
    embed_dim: int | None = Field(ge=1)
    """C of `conv`; null for other towers, whose C is fixed."""
    batch_norm: BatchNormStatistics
    """BatchNorm's statistics in training: `running` keeps the pretrained ones, `batch` learns them;
    `running-then-batch`, the release's, keeps them up to the first validation, then learns."""
    normalize: bool
    """Subtract the tower's pixel mean (CLIP's, or that of the timm model) and divide by its
    standard deviation."""
    precision: Precision
    """Number format in which the visual tower computes; `bfloat16` by autocast, for GPUs. Weights,
    the head, distances and losses are float32 either way."""
    seed: int = Field(ge=0)
    """Seed of random weights, visual and text."""

    @property
    def kind(self) -> Kind:
        """The kind of tower: a row of spm.model.towers.table."""
        return kind_of(self.name)

    @model_validator(mode="after")
    def _fits_the_kind(self) -> "BackboneConfig":
        is_conv = self.kind == "conv"
        if is_conv and (self.image_size is None or self.embed_dim is None):
            raise ValueError("conv needs image_size and embed_dim")
        if is_conv and self.weights is not None:
            raise ValueError(
                f"conv has no pretrained weights: set backbone.weights to null (got "
                f"{self.weights!r}); model.init_from starts from a saved model"
            )
        if not is_conv and self.embed_dim is not None:
            raise ValueError(
                f"{self.name} brings its own embedding: set backbone.embed_dim to null "
                f"(got {self.embed_dim})"
            )
        return self


def kind_of(name: str) -> Kind:
    """The kind of the tower `name`: `conv`, timm by the prefix, else open_clip."""
    if name == CONV:
        return "conv"
    return "timm" if name.startswith(TIMM) else "open_clip"
