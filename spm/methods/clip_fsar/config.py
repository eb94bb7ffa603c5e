"""`model` with `method: clip_fsar`."""

from typing import ClassVar, Literal

from pydantic import Field

from spm.config.model import ModelConfig, Needs

Supports = Literal["separate", "mean"]
TestText = Literal["none", "product", "only"]


class Config(ModelConfig):
    """Sizes and switches of CLIP-FSAR."""

    title: ClassVar[str] = "CLIP-FSAR"
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {
        *("text_weight", "attention_dropout", "dropout"),
    }

    heads: int = Field(ge=1)
    """Attention heads; they share the C channels equally."""
    hidden_dim: int = Field(ge=1)
    """Hidden width of the feed-forward layers."""
    depth: int = Field(ge=1)
    """Layers of the Transformer."""
    otam_lambda: float = Field(gt=0)
    """Temperature of OTAM's soft minimum."""
    supports: Supports
    """`separate`: the Transformer takes each support with its text, then a class's supports are
    averaged. `mean`: the supports are averaged first (MERGE_BEFORE). They agree at one shot."""
    text_weight: float = Field(ge=0)
    """Weight of L_text, the loss of the classification among all training classes by texts."""
    test_text: TestText
    """What classifies beside the training's loss. `none`: OTAM. `product`: the probabilities of
    OTAM and of the class texts, multiplied. `only`: those of the class texts."""
    text_coefficient: float = Field(ge=0, le=1)
    """β of `test_text: product`: the exponent of the texts' probabilities; OTAM's is 1 − β."""
    attention_dropout: float = Field(ge=0, lt=1)
    """Dropout after the output projection of the attention."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout in the feed-forward layers."""

    @property
    def full_title(self) -> str:
        """ "CLIP-FSAR (text: product)": with `test_text`, texts classify too."""
        return self.title if self.test_text == "none" else f"{self.title} (text: {self.test_text})"

    @property
    def needs(self) -> Needs:
        """Class texts: they modulate the supports."""
        return Needs(text=True)

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """L = L_CE + text_weight · L_text."""
        return {"L_text": ("text_weight", self.text_weight)}
