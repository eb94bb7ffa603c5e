"""`model` with `method: clip_cpm2c`."""

from typing import ClassVar

from pydantic import Field

from spm.config.model import ModelConfig, Needs


class Config(ModelConfig):
    """Sizes and weights of CLIP-CPM2C."""

    title: ClassVar[str] = "CLIP-CPM2C"
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {
        *("text_weight", "consistency_weight", "attention_dropout", "dropout"),
    }

    heads: int = Field(ge=1)
    """Attention heads; they share the C channels equally."""
    hidden_dim: int = Field(ge=1)
    """Hidden width of the feed-forward layer."""
    otam_lambda: float = Field(gt=0)
    """Temperature of OTAM's soft minimum."""
    prompt_weight: float
    """Weight of the prompt that is added to every frame of a stream."""
    motion_weight: float = Field(ge=0)
    """Weight of the motion stream's distance in the logits. L_consistency sums over both streams,
    whatever it is."""
    text_weight: float = Field(ge=0)
    """Weight of L_text, the loss of the classification among all training classes by texts; of
    sums over clips, that is: (S + Q) / Q of means."""
    consistency_weight: float = Field(ge=0)
    """Weight of L_consistency."""
    attention_dropout: float = Field(ge=0, lt=1)
    """Dropout after the output projection of the attention."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout in the feed-forward layer."""

    @property
    def needs(self) -> Needs:
        """Class texts: they prompt the supports. Motion is a difference of two frames."""
        return Needs(text=True, num_frames=2)

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """The weights of the terms beside L_CE."""
        return {
            "L_text": ("text_weight", self.text_weight),
            "L_consistency": ("consistency_weight", self.consistency_weight),
        }
