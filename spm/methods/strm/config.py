"""`model` with `method: strm`."""

from typing import ClassVar, Literal

from pydantic import Field

from spm.config.cardinalities import Cardinalities, named
from spm.config.model import ModelConfig, Needs


class Config(ModelConfig):
    """The tuples and patches that STRM compares, sizes, and its second loss."""

    title: ClassVar[str] = "STRM"
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {
        *("patch_head", "dropout"),
    }

    cardinalities: Cardinalities
    """Frames in a tuple of the frame-level head, TRX's: pairs. The patch-level head has pairs."""
    dim: int = Field(ge=1)
    """Width of the keys and values of the frame-level head."""
    patches: int = Field(ge=1)
    """Side of the grid of patches that a frame's map is pooled to."""
    patch_weight: float = Field(ge=0)
    """Weight of the patch-level head, both of its loss and of its logits in the prediction."""
    patch_head: Literal["trained", "frozen"]
    """Whether the layer of the patch-level head is trained. The public release keeps it outside its
    state: `frozen`, as released, leaves it as it was drawn from `seed`."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout after the positions, and before the patch-level head."""

    @property
    def full_title(self) -> str:
        """ "STRM (frozen patch head)" for the release's."""
        title = named(self.title, self.cardinalities, usual=[2])
        return title if self.patch_head == "trained" else f"{title} (frozen patch head)"

    @property
    def needs(self) -> Needs:
        """Maps: their patches attend to each other. Frames for the largest tuple, and for pairs."""
        return Needs(
            features="maps",
            num_frames=max(*self.cardinalities, 2),
            num_frames_by="cardinalities" if max(self.cardinalities) > 2 else "",
        )

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """The weight of the patch-level loss."""
        return {"L_patch": ("patch_weight", self.patch_weight)}
