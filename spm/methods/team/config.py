"""`model` with `method: team`."""

from typing import ClassVar

from pydantic import Field

from spm.config.model import ModelConfig


class Config(ModelConfig):
    """Sizes of TEAM."""

    title: ClassVar[str] = "TEAM"
    without_effect: ClassVar[frozenset[str]] = ModelConfig.without_effect | {"dropout"}

    tokens: int = Field(ge=1)
    """M, the learned pattern tokens that summarise a clip."""
    heads: int = Field(ge=1)
    """Sets the temperature √(C / heads) of the attention, which has one head in any case."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout after the positions and on the weights of the attention."""
