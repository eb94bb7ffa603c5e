"""`model` with `method: clip_spm`, in the terms of the paper."""

from typing import ClassVar, Literal

from pydantic import Field

from spm.config.model import ModelConfig, Needs

Fusion = Literal["concat", "sum+concat", "gate+sum+concat"]
Consistency = Literal["none", "support", "query", "both"]


class Config(ModelConfig):
    """Components, wiring and sizes of CLIP-SPM."""

    title: ClassVar[str] = "CLIP-SPM"
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {
        *("hsmr", "lambda3", "learn_lambda3", "lambda4", "consistency", "consistency_reduction"),
        *("attention_dropout", "dropout"),
    }

    hsmr: bool
    """Hierarchical Synergistic Motion Refinement (Eq. 7): adds a loss term, changes no logits."""
    spm: bool
    """Semantic Prototype Modulation (Eq. 10-12)."""
    padm: bool
    """Prototype-Anchor Dual Modulation (Eq. 14)."""
    fusion: Fusion
    """How SF combines prompt and frames before its Transformer (Table 4)."""
    consistency: Consistency
    """Which clips L_S sums over (Table 5)."""

    lambda1: float = Field(ge=0)
    """Weight of d_padm (Eq. 6)."""
    lambda2: float = Field(ge=0)
    """Weight of d_spm (Eq. 6)."""
    lambda3: float = Field(ge=0)
    """Weight of L_H (Eq. 15)."""
    learn_lambda3: bool
    """Multiply λ3 by a learnable scalar that starts at 1. It shrinks, since L_H is not negative."""
    lambda4: float = Field(ge=0)
    """Weight of L_S (Eq. 15)."""
    otam_lambda: float = Field(gt=0)
    """Temperature of OTAM's soft minimum."""

    motion_reduction: Literal["sum", "mean"]
    """MFE over time: `sum` of m^f + m^b (Eq. 8), or `mean` of (m^f + m^b) / 2."""
    prompt_visual_mean: Literal["time", "time+channels"]
    """PG's visual average (Eq. 13): over T, or over T and C, one scalar per clip."""
    distance: Literal["euclidean", "squared"]
    """ConDis, the consistency distance of L_H and L_S."""
    consistency_reduction: Literal["sum", "mean"]
    """L_H and L_S: sum over all clips (Eq. 15), or mean over supports + mean over queries."""

    alpha: float
    """Weight of the prompt that SF adds to every frame."""
    gate_visual_ratio: float = Field(gt=0)
    """Hidden width of the visual gate, as a multiple of C."""
    gate_prompt_ratio: float = Field(gt=0)
    """Hidden width of the prompt gate, as a multiple of C."""
    gate_slope: float = Field(ge=0)
    """LeakyReLU's negative slope in the gates."""
    heads: int = Field(ge=1)
    """Attention heads of both Transformers."""
    head_dim: int = Field(ge=1)
    """Channels per head."""
    hidden_dim: int = Field(ge=1)
    """Hidden width of the Transformers' feed-forward layers and of PG."""
    attention_dropout: float = Field(ge=0, lt=1)
    """Dropout after the output projection of the attention."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout in the feed-forward layers and in PG."""

    @property
    def needs(self) -> Needs:
        """Class texts, if SPM is on. HSMR's prompts are motions, differences of two frames; PADM's
        anchors are clips."""
        if not self.hsmr:
            return Needs(text=self.spm)
        return Needs(text=self.spm, num_frames=2, num_frames_by="hsmr")

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """The weights of the regularisers (Eq. 15)."""
        return {"L_H": ("lambda3", self.lambda3), "L_S": ("lambda4", self.lambda4)}
