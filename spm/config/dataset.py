"""`dataset`: which clips, which classes, which split."""

from typing import Annotated

from pydantic import ConfigDict, Field

from spm.config.base import Section

BUILT_IN = "motion"


class MotionConfig(Section):
    """The generator of the built-in data set."""

    seed: int = Field(ge=0)
    """Everything that varies from clip to clip follows from it."""
    clips_per_class: int = Field(ge=1)
    """Clips of each of its 48 classes."""


class DrawnSplit(Section):
    """Classes dealt to the splits at random."""

    seed: int = Field(ge=0)
    train: int = Field(ge=1)
    """Number of classes to train on."""
    val: int = Field(ge=1)
    test: int = Field(ge=1)


class RejectionLimit(Section):
    """The part of `dataset` that decoding reads."""

    model_config = ConfigDict(extra="ignore")

    max_rejected: float = Field(ge=0, le=1)
    """Largest share of the clips that may be unusable before the run stops."""


class GeneratorPart(Section):
    """The part of `dataset` that generating the built-in clips reads."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(min_length=1)]
    """Folder of the data set under `runtime.root`; `motion` is generated."""
    motion: MotionConfig


class DatasetConfig(GeneratorPart, RejectionLimit):
    """All of `dataset`."""

    model_config = ConfigDict(extra="forbid")

    split: str | DrawnSplit
    """A YAML file with the class lists train, val and test; or how many classes to draw."""
    class_texts: dict[str, str]
    """Class name -> text, where the rules of spm.class_text do not give the right one."""
