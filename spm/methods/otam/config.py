"""`model` with `method: otam`."""

from typing import ClassVar

from pydantic import Field

from spm.config.model import ModelConfig


class Config(ModelConfig):
    """OTAM has one hyperparameter and no learnable parameter."""

    title: ClassVar[str] = "OTAM"

    otam_lambda: float = Field(gt=0)
    """Temperature of the soft minimum."""
