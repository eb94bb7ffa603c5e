"""`backbone`: the tower that sees frames, and the one that reads class texts."""

from typing import Literal

from pydantic import Field, model_validator

from spm.config.base import Section

CONV = "conv"
TIMM = "timm/"
"""How a name of timm's begins."""
Kind = Literal["conv", "timm", "open_clip"]
BatchNormStatistics = Literal["running", "batch", "running-then-batch"]
Precision = Literal["float32", "bfloat16"]


class BackboneConfig(Section):
    """The visual tower that is fine-tuned, and the text tower that stays frozen."""

    name: str = Field(min_length=1)
    """`conv` (small, trained from scratch), `timm/` and a model of timm with its tag
    (`timm/resnet50.tv_in1k`; visual only), or a name that open_clip lists."""
    weights: str | None
    """A pretrained tag of open_clip (`openai`); of timm `pretrained`, what the tag in the name
    says; or a file; null: random from `seed`."""
    image_size: int | None = Field(ge=16)
    """Side of the square crop in pixels; null: the model's own, of open_clip or timm. Most of
    timm's models take other sizes too."""
    embed_dim: int | None = Field(ge=1)
    """C for `conv`; null for the others, which bring their own."""
    batch_norm: BatchNormStatistics
    """Statistics in training: `running` keeps the pretrained ones, `batch` learns them;
    `running-then-batch`, the release's, keeps them up to the first validation, then learns."""
    normalize: bool
    """Subtract the tower's pixel mean (CLIP's, or that of the timm model) and divide by its
    standard deviation."""
    precision: Precision
    """What the visual tower computes in; `bfloat16` by autocast, for GPUs. Weights, the head,
    distances and losses are float32 either way."""
    seed: int = Field(ge=0)
    """Of random weights, visual and text."""

    @property
    def kind(self) -> Kind:
        """Whose tower it is: the row of spm.model.towers.table."""
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
    """By how the name begins: what is neither `conv` nor timm's is open_clip's."""
    if name == CONV:
        return "conv"
    return "timm" if name.startswith(TIMM) else "open_clip"
