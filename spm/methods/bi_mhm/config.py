"""`model` with `method: bi_mhm`."""

from typing import ClassVar

from spm.config.model import ModelConfig
from spm.nn.set_distance import Reduction


class Config(ModelConfig):
    """Bi-MHM has no learnable parameter."""

    title: ClassVar[str] = "Bi-MHM"

    frame_reduction: Reduction
    """`sum`: the distances of the frames' nearest ones are added. `mean`: averaged, which divides
    logits by T, so that their softmax is flatter."""

    @property
    def full_title(self) -> str:
        """ "Bi-MHM (mean)": with means a tower trains at another scale of the logits."""
        return self.title if self.frame_reduction == "sum" else f"{self.title} (mean)"
