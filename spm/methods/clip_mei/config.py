"""`model` with `method: clip_mei`."""

from typing import ClassVar

from pydantic import Field, model_validator

from spm.config.model import ModelConfig, Needs


class Config(ModelConfig):
    """Sizes and weights of CLIP-MEI."""

    title: ClassVar[str] = "CLIP-MEI"
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {
        *("consistency_weight", "attention_dropout", "dropout"),
    }

    heads: int = Field(ge=1)
    """Attention heads of both Transformers."""
    dim: int = Field(ge=1)
    """Width of all heads together, whatever C is."""
    hidden_dim: int = Field(ge=1)
    """Hidden width of the feed-forward layers and of the prompt generator."""
    otam_lambda: float = Field(gt=0)
    """Temperature of OTAM's soft minimum."""
    prompt_weight: float
    """Weight of the prompt that is added to every frame."""
    distance_weight: float = Field(ge=0)
    """Weight of D₁, the distance before TFE; the distance after it has the weight 1."""
    consistency_weight: float = Field(ge=0)
    """Weight of L_consistency, L_prompt and L_motion in L."""
    attention_dropout: float = Field(ge=0, lt=1)
    """Dropout after the output projection of the attention."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout in the feed-forward layers and in the prompt generator."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "Config":
        if self.dim % self.heads:
            raise ValueError(
                f"dim = {self.dim} is the width of all heads together, and heads = {self.heads} "
                "does not divide it: set dim to a multiple of heads"
            )
        return self

    @property
    def needs(self) -> Needs:
        """Class texts: the prompts of the clips come of them. Motion is a difference of two
        frames."""
        return Needs(text=True, num_frames=2)

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """The three terms share a weight. A learned scalar multiplies that of L_motion."""
        shared = ("consistency_weight", self.consistency_weight)
        return dict.fromkeys(("L_consistency", "L_prompt", "L_motion"), shared)
