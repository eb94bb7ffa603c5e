"""`model` with `method: zero_shot`."""

from typing import ClassVar

from spm.config.model import ModelConfig, Needs


class Config(ModelConfig):
    """The baseline has no hyperparameter."""

    title: ClassVar[str] = "zero-shot class text"
    short: ClassVar[str] = "zero_shot"
    baseline: ClassVar[bool] = True

    @property
    def needs(self) -> Needs:
        """Class texts: the method classifies by them alone."""
        return Needs(text=True)
