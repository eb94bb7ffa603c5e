"""`model` with `method: dpn`."""

from typing import ClassVar, Literal

from pydantic import Field

from spm.config.cardinalities import Cardinalities, named
from spm.config.model import ModelConfig, Needs


class Config(ModelConfig):
    """The tuples that DPN compares, and how."""

    title: ClassVar[str] = "DPN"
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {"dropout"}

    cardinalities: Cardinalities
    """Frames in a tuple: pairs and triples. Each cardinality has weights of its own."""
    scale: float = Field(gt=0)
    """Factor of the cosines in the logits."""
    similarity_axis: Literal["channels", "tuples"]
    """Axis along which a query and its query-specific prototypes are compared. `channels`: tuple by
    tuple; `tuples`, as released: channel by channel."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout after the positions."""

    @property
    def full_title(self) -> str:
        """ "DPN (released similarity)" for the axis `tuples`."""
        title = named(self.title, self.cardinalities, usual=[2, 3])
        return title if self.similarity_axis == "channels" else f"{title} (released similarity)"

    @property
    def needs(self) -> Needs:
        """As many frames as the largest tuple holds."""
        return Needs(num_frames=max(self.cardinalities), num_frames_by="cardinalities")
