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
        *("lambda3", "learn_lambda3", "lambda4", "consistency", "consistency_reduction"),
        *("attention_dropout", "dropout"),
    }

    hsmr: bool
    """Hierarchical Synergistic Motion Refinement (Eq. 7): a loss term, nothing at test."""
    spm: bool
    """Semantic Prototype Modulation (Eq. 10-12)."""
    padm: bool
    """Prototype-Anchor Dual Modulation (Eq. 14)."""
    fusion: Fusion
    """What SF does before its Transformer (Table 4)."""
    consistency: Consistency
    """Which clips L_S sums over (Table 5)."""

    lambda1: float = Field(ge=0)
    """Weight of d_padm (Eq. 6)."""
    lambda2: float = Field(ge=0)
    """Weight of d_spm (Eq. 6)."""
    lambda3: float = Field(ge=0)
    """Weight of L_H (Eq. 15)."""
    learn_lambda3: bool
    """Multiply λ3 by a learnable scalar that starts at 1. As L_H is never negative, it shrinks."""
    lambda4: float = Field(ge=0)
    """Weight of L_S (Eq. 15)."""
    otam_lambda: float = Field(gt=0)
    """Temperature of OTAM's soft minimum."""

    motion_reduction: Literal["sum", "mean"]
    """MFE over time: Eq. 8 sums m^f + m^b; `mean` averages half of it."""
    prompt_visual_mean: Literal["time", "time+channels"]
    """PG's visual average (Eq. 13): over T; or one scalar a clip."""
    distance: Literal["euclidean", "squared"]
    """ConDis."""
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
    """After the output projection of the attention."""
    dropout: float = Field(ge=0, lt=1)
    """In the feed-forward layers and PG."""

    @property
    def needs(self) -> Needs:
        """SPM alone takes class texts: HSMR's prompts are motions, PADM's anchors are clips."""
        return Needs(text=self.spm)

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """Of the regularisers (Eq. 15)."""
        return {"L_H": ("lambda3", self.lambda3), "L_S": ("lambda4", self.lambda4)}
