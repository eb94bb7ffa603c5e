"""`model` with `method: clip_m2df`."""

from typing import ClassVar, Literal

from pydantic import Field

from spm.config.model import ModelConfig, Needs

Prompts = Literal["draw", "argmax"]
Direction = Literal["bid", "up2down", "down2up"]


class Config(ModelConfig):
    """Sizes, switches and weights of CLIP-M2DF."""

    title: ClassVar[str] = "CLIP-M2DF"
    without_effect: ClassVar[frozenset[str]] = (
        ModelConfig.without_effect - {"seed"}  # prompts that are drawn follow the seed
    ) | {
        *("text_weight", "distillation_weight", "distillation", "compare_text"),
        *("compare_distance", "tcn_dropout", "attention_dropout", "dropout"),
    }

    heads: int = Field(ge=1)
    """Attention heads of both Transformers; they share the C channels equally."""
    hidden_dim: int = Field(ge=1)
    """Hidden width of the feed-forward layers."""
    otam_lambda: float = Field(gt=0)
    """Temperature of OTAM's soft minimum."""
    prompts: Prompts
    """The class whose text prompts a query. `argmax`: the most similar one. `draw`: drawn by
    similarity, from the query's features and `seed` alone, in training and in evaluation."""
    selected_frames: int = Field(ge=1)
    """Frames of a clip that count in its similarity with a text, and in L_text: the most similar
    ones."""
    temperature: float = Field(gt=0)
    """Factor of the similarities in the softmax that `prompts: draw` draws from."""
    text_weight: float = Field(ge=0)
    """Weight of L_text, the loss of the classification among all training classes by texts; of
    sums over clips, that is: (S + Q) / Q of means."""
    distillation_weight: float = Field(ge=0)
    """Weight of L_distillation. L has 1 / Q of it, as of the sums over queries."""
    distillation: Direction
    """Which view teaches. `up2down`: the global view the local one. `down2up`: the local view the
    global one. `bid`: both."""
    compare_text: bool
    """Whether a view that teaches must be the more confident one by its first frames."""
    compare_distance: bool
    """Whether a view that teaches must be the more confident one by its distances. With neither
    comparison, a view teaches all queries."""
    tcn_dropout: float = Field(ge=0, lt=1)
    """Dropout in the global view's convolutions."""
    attention_dropout: float = Field(ge=0, lt=1)
    """Dropout after the output projections of the attention."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout in the feed-forward layers."""

    @property
    def full_title(self) -> str:
        """ "CLIP-M2DF (drawn prompts)": with `prompts: draw`, another seed gives other answers."""
        return self.title if self.prompts == "argmax" else f"{self.title} (drawn prompts)"

    @property
    def needs(self) -> Needs:
        """Class texts: they prompt supports and queries. The frames that are selected."""
        return Needs(text=True, num_frames=self.selected_frames, num_frames_by="selected_frames")

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """The weights of the terms beside L_CE."""
        return {
            "L_text": ("text_weight", self.text_weight),
            "L_distillation": ("distillation_weight", self.distillation_weight),
        }
