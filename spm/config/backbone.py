"""`backbone`: the CLIP encoder."""

from typing import Literal

from pydantic import Field, model_validator

from spm.config.base import Section

CONV = "conv"
BatchNormStatistics = Literal["running", "batch", "running-then-batch"]
Precision = Literal["float32", "bfloat16"]


class BackboneConfig(Section):
    """The visual tower that is fine-tuned, and the text tower that stays frozen."""

    name: str = Field(min_length=1)
    """`conv` (small, trained from scratch) or a name that open_clip lists."""
    weights: str | None
    """A pretrained tag of open_clip (`openai`) or a file; null: random from `seed`."""
    image_size: int | None = Field(ge=16)
    """Side of the square crop in pixels; null: the open_clip model's own."""
    embed_dim: int | None = Field(ge=1)
    """C for `conv`; null for an open_clip model, which brings its own."""
    batch_norm: BatchNormStatistics
    """Statistics in training: `running` keeps the pretrained ones, `batch` learns them;
    `running-then-batch`, the release's, keeps them up to the first validation, then learns."""
    normalize: bool
    """Subtract CLIP's pixel mean and divide by its standard deviation."""
    precision: Precision
    """What the visual tower computes in; `bfloat16` by autocast, for GPUs. Weights, the head,
    distances and losses are float32 either way."""
    seed: int = Field(ge=0)
    """Of random weights, visual and text."""

    @model_validator(mode="after")
    def _fits_the_name(self) -> "BackboneConfig":
        if self.name == CONV and (self.image_size is None or self.embed_dim is None):
            raise ValueError("conv needs image_size and embed_dim")
        if self.name == CONV and self.weights is not None:
            raise ValueError(
                f"conv has no pretrained weights: set backbone.weights to null (got "
                f"{self.weights!r}); model.init_from starts from a saved model"
            )
        if self.name != CONV and self.embed_dim is not None:
            raise ValueError(
                f"{self.name} brings its own embedding: set backbone.embed_dim to null "
                f"(got {self.embed_dim})"
            )
        return self
