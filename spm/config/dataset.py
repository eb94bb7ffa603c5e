"""`dataset`: which clips, which classes, which split."""

from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, field_validator, model_validator

from spm.config.base import Section
from spm.config.seed import Seed

BuiltInName = Literal["motion", "things"]
BUILT_IN: tuple[str, ...] = get_args(BuiltInName)
"""The data sets that the stage `clips` generates: spm.motion.data_sets."""
PUBLISHED = "published"
FOLDERS = "folders"
ClipKind = Literal["videos", "frame_folders"]
BenchmarkName = Literal["hmdb51", "ucf101", "kinetics100", "ssv2_small", "ssv2_full"]
BENCHMARKS: tuple[str, ...] = get_args(BenchmarkName)


class GeneratorConfig(Section):
    """Parameters of the generator of the built-in data sets."""

    seed: Seed
    """Seed of everything that varies from clip to clip."""
    clips_per_class: int = Field(ge=1)
    """Clips in each class: 48 classes of `motion`, 168 of `things`."""


class DrawnSplit(Section):
    """Classes dealt to the splits at random."""

    seed: Seed
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
    """The part of `dataset` that generating built-in clips reads."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(min_length=1)]
    """Folder of the data set under `runtime.root`; `motion` and `things` are generated."""
    generator: GeneratorConfig


class DatasetConfig(GeneratorPart, RejectionLimit):
    """The whole section `dataset`."""

    model_config = ConfigDict(extra="forbid")

    kind: ClipKind
    """What a clip is: a video file, or a folder with its frames as numbered images."""
    benchmark: BenchmarkName | None
    """The benchmark whose videos the data set's folder holds, in any sub-folders; null: the folder
    holds the user's own classes."""
    split: str | DrawnSplit
    """A YAML file with the class lists train, val and test; or how many classes to draw; or
    `folders`: class folders lie in folders train, val and test; or `published`: the benchmark's own
    split."""
    lists: str | None
    """A folder in data/splits with the benchmark's published video lists; null: no lists."""
    names: Literal["cleaned", "as_released"]
    """Class texts: by the rules of spm.dataset.class_text, or as the paper's release words a
    benchmark's training and test classes."""
    class_texts: dict[str, str]
    """Class name -> text, for classes to which `names` gives a wrong text."""

    @field_validator("class_texts")
    @classmethod
    def _say_something(cls, class_texts: dict[str, str]) -> dict[str, str]:
        for name, text in class_texts.items():
            if not text.strip():
                raise ValueError(
                    f"{name!r} has no text (got {text!r}): give it one, or leave it out to take "
                    "the folder's name"
                )
        return class_texts

    @model_validator(mode="after")
    def _benchmark_goes_with_its_split(self) -> "DatasetConfig":
        if self.benchmark is None:
            self._check_own()
        elif self.split != PUBLISHED:
            raise ValueError(
                f"benchmark = {self.benchmark!r} goes with `split: {PUBLISHED}`. To split its "
                "classes otherwise, set benchmark to null and keep one folder per class"
            )
        elif self.name in BUILT_IN:
            raise ValueError(
                f"benchmark = {self.benchmark!r}, but name = {self.name!r} is a built-in data "
                "set: set name to the folder of the benchmark's videos"
            )
        return self

    def _check_own(self) -> None:
        if self.split == PUBLISHED:
            raise ValueError(
                f"split = {PUBLISHED!r} needs a benchmark. Set dataset.benchmark, or give a file "
                "of class lists or how many classes to draw"
            )
        if self.lists is not None:
            raise ValueError(
                f"lists = {self.lists!r} needs a benchmark whose lists these are; set it to null"
            )
        if self.names != "cleaned":
            raise ValueError(f"names = {self.names!r} needs a benchmark; set it to cleaned")
