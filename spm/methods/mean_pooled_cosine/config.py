"""`model` with `method: mean_pooled_cosine`."""

from typing import ClassVar

from spm.config.model import ModelConfig


class Config(ModelConfig):
    """The baseline has no hyperparameter."""

    title: ClassVar[str] = "mean-pooled cosine"
    short: ClassVar[str] = "cosine"
    baseline: ClassVar[bool] = True
