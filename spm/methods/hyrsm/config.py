"""`model` with `method: hyrsm`."""

from typing import ClassVar, Literal

from pydantic import Field

from spm.config.model import ModelConfig, Needs
from spm.nn.set_distance import Reduction

Supports = Literal["mean", "separate"]


class Config(ModelConfig):
    """Wiring and sizes of HyRSM, and the regulariser that makes it HyRSM++."""

    title: ClassVar[str] = "HyRSM"
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {
        *("class_weight", "smoothness_weight", "window", "tau", "far_weight"),
        *("dropout", "attention_dropout", "task_dropout"),
    }

    heads: int = Field(ge=1)
    """Heads of both attentions, of C / heads channels each."""
    supports: Supports
    """`mean`: the supports of a class are averaged frame by frame before they meet the query, the
    many-shot head of the release. `separate`: each stays a clip of its own, and the distances are
    averaged, the one-shot head. At one shot both are the same."""
    frame_reduction: Reduction
    """The set distance: sums over frames, as the release has it, or means, as the paper writes."""

    position_scale: float = Field(gt=0)
    """A: the features are multiplied by √(C / A) before positions are added."""
    position_weight: float
    """B, weight of the positions."""

    class_weight: float = Field(ge=0)
    """Weight of L_class, the classification among the training classes; 0: no such classifier."""
    smoothness_weight: float = Field(ge=0)
    """Weight of L_smooth (HyRSM++): the frames of a clip change slowly. 0: HyRSM."""
    window: int = Field(ge=0)
    """L_smooth: frames at most so far apart are near ones. Less than T, so that some are far."""
    tau: float = Field(gt=0)
    """L_smooth: how fast the margin of far frames grows with their distance in time."""
    far_weight: float = Field(ge=0)
    """L_smooth: weight of pairs of far frames."""

    dropout: float = Field(ge=0, lt=1)
    """Dropout after the positions."""
    attention_dropout: float = Field(ge=0, lt=1)
    """Dropout after the output projection of the attention within a clip."""
    task_dropout: float = Field(ge=0, lt=1)
    """Dropout after the output projection of the attention among clips."""

    @property
    def full_title(self) -> str:
        """ "HyRSM++ (separate supports, mean)"."""
        name = f"{self.title}++" if self.smoothness_weight else self.title
        variants = [
            "separate supports" if self.supports == "separate" else "",
            "mean" if self.frame_reduction == "mean" else "",
        ]
        said = ", ".join(filter(None, variants))
        return f"{name} ({said})" if said else name

    @property
    def needs(self) -> Needs:
        """Frames so far apart that L_smooth, where it is used, knows them as far."""
        if self.smoothness_weight == 0:
            return Needs()
        return Needs(num_frames=self.window + 1, num_frames_by="window")

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """The weights of the terms beside L_CE."""
        return {
            "L_class": ("class_weight", self.class_weight),
            "L_smooth": ("smoothness_weight", self.smoothness_weight),
        }
