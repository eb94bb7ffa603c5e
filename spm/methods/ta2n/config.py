"""`model` with `method: ta2n`."""

from typing import Annotated, ClassVar

from pydantic import Field

from spm.config.model import ModelConfig, Needs


class Config(ModelConfig):
    """Sizes of TA2N's networks, and what they average over."""

    title: ClassVar[str] = "TA2N"
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {"dropout"}

    widths: list[Annotated[int, Field(ge=4)]] = Field(min_length=2, max_length=2)
    """Channels of the two 3-D convolutions of the temporal transform. Those of the action
    coordination both have the second number."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout on the maps."""
    shifts: bool
    """Average nine masks around the predicted shift, at test too; false: one mask."""

    @property
    def full_title(self) -> str:
        """With the number of masks, if it is not the release's."""
        return self.title if self.shifts else f"{self.title} (one mask)"

    @property
    def needs(self) -> Needs:
        """Maps."""
        return Needs(features="maps")
