"""`model` with `method: cmn_embedding`."""

from typing import ClassVar

from pydantic import Field

from spm.config.model import ModelConfig


class Config(ModelConfig):
    """Size of CMN's embedding."""

    title: ClassVar[str] = "CMN embedding"

    tokens: int = Field(ge=1)
    """Number of saliency tokens h_j."""
