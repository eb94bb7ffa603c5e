"""`model` with `method: molo`."""

from typing import Any, ClassVar

from pydantic import Field

from spm.config.model import ModelConfig, Needs


class Config(ModelConfig):
    """Weights, positions and sizes of MoLo."""

    title: ClassVar[str] = "MoLo"
    without_pixels: ClassVar[dict[str, Any]] = {"reconstruction_weight": 0.0}
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {
        *("class_weight", "contrast_weight", "reconstruction_weight"),
        *("dropout", "attention_dropout", "feed_forward_dropout"),
    }

    heads: int = Field(ge=1)
    """Attention heads of both streams; they divide C."""
    hidden_dim: int = Field(ge=1)
    """Hidden width of the streams' feed-forward layers."""
    motion_weight: float = Field(ge=0)
    """α, weight of the motion stream's distance."""
    position_scale: float = Field(gt=0)
    """A: position encodings are added to frames times √(C / A)."""
    position_weight: float = Field(ge=0)
    """B, weight of the position encodings."""
    class_weight: float = Field(ge=0)
    """Weight of L_class, the classification among the training classes; 0: no such head."""
    contrast_weight: float = Field(ge=0)
    """Weight of L_contrast, of tokens and frames of different clips."""
    reconstruction_weight: float = Field(ge=0)
    """Weight of L_reconstruct, of the frames' differences; 0: no decoder, and no pixels needed."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout after the position encodings."""
    attention_dropout: float = Field(ge=0, lt=1)
    """Dropout after the output projection of the attention."""
    feed_forward_dropout: float = Field(ge=0, lt=1)
    """Dropout in the feed-forward layers."""

    @property
    def needs(self) -> Needs:
        """Maps, and the clips' pixels as the target of the reconstruction. Motion is a difference
        of two frames."""
        return Needs(features="maps", pixels=self.reconstruction_weight > 0, num_frames=2)

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """The weights of the terms beside L_CE."""
        return {
            "L_class": ("class_weight", self.class_weight),
            "L_contrast": ("contrast_weight", self.contrast_weight),
            "L_reconstruct": ("reconstruction_weight", self.reconstruction_weight),
        }
