"""`model` with `method: trx`."""

from typing import ClassVar

from pydantic import Field

from spm.config.cardinalities import Cardinalities, named
from spm.config.model import ModelConfig, Needs


class Config(ModelConfig):
    """The tuples that TRX compares, and sizes."""

    title: ClassVar[str] = "TRX"
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {"dropout"}

    cardinalities: Cardinalities
    """Frames in a tuple: pairs and triples. Each cardinality has weights of its own."""
    dim: int = Field(ge=1)
    """D, the width of keys and values."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout after the positions."""

    @property
    def full_title(self) -> str:
        """ "TRX (tuples of 2)" for other tuples than pairs and triples."""
        return named(self.title, self.cardinalities, usual=[2, 3])

    @property
    def needs(self) -> Needs:
        """As many frames as the largest tuple holds."""
        return Needs(num_frames=max(self.cardinalities), num_frames_by="cardinalities")
