"""The five benchmarks of the paper, as spm/dataset/benchmarks.yaml describes them.

A *class name* is the benchmark's own: a folder of HMDB51, UCF101 or Kinetics, or a label of
Something-Something V2 (SSv2) without its brackets. A *variant* is a set of clips that was published
under the benchmark's name; variants with the same class split can differ in their clips.
"""

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from spm.base.errors import ConfigError
from spm.base.nearest import nearest
from spm.base.yaml_file import read_yaml
from spm.config.base import Section, validate
from spm.dataset.names import composed

FACTS = Path(__file__).with_suffix(".yaml")

_NOT_IN_NAMES = re.compile(r"[\W_]+")
_SECONDS = re.compile(r"(.+)_(\d{6}_\d{6})")


class ListedClip(NamedTuple):
    """A clip that belongs to a benchmark."""

    split: str
    class_name: str
    clip: str
    """Name of the clip: its file's name without extension and time."""
    seconds: str = ""
    """`000012_000022`, the part of a YouTube video; "" if the list does not give it."""

    @property
    def id(self) -> str:
        return f"{self.class_name}/{self.clip}"


class Variant(Section):
    """One of the published sets of clips."""

    name: str
    digest: str
    """Digest of the variant's splits, classes and clips: see `variant_of`."""
    says: str
    """The variant in words."""


CUSTOM = Variant(name="custom", digest="", says="none of the published sets of clips")


class ClassFacts(Section):
    """A class of a benchmark."""

    name: str
    clips: int | list[int]
    """Number of published clips; one number for each variant if they differ."""
    released: str | None = None
    """The class text of the paper's release."""


class TrainFacts(Section):
    """The paper's training parameters."""

    episodes: int
    lr: float
    weight_decay: float


class Benchmark(Section):
    """A data set of the paper, with its published class split."""

    title: str
    clip_names: Literal["file", "youtube", "number"]
    """What identifies a clip: the file's name in any case; YouTube's id, which the seconds may
    follow; SSv2's number."""
    lists: Literal["optional", "required", "or_labels"]
    """`optional`: without lists, the class folders hold the benchmark's clips and no others.
    `or_labels`: SSv2's own label files can replace the lists."""
    number_from: dict[str, int] | None = None
    """Split -> number of its first class in lists in the style `class/clip`; null: 0 for all
    splits."""
    flip: bool
    """Whether mirroring a clip leaves its class as it is."""
    train: TrainFacts
    variants: list[Variant]
    """The variants; the paper's is the first."""
    classes: dict[str, list[ClassFacts]]
    """Split -> classes."""

    def splits(self) -> dict[str, str]:
        """Class name -> split."""
        return {each.name: split for split, classes in self.classes.items() for each in classes}

    def names(self) -> dict[str, str]:
        """Normalised class name -> class name."""
        return {normalised(name): name for name in self.splits()}

    def without_clips(self, clips: Iterable[ListedClip]) -> list[str]:
        """The classes without a clip in `clips`."""
        return sorted(self.splits().keys() - {clip.class_name for clip in clips})

    def counts(self, variant: Variant) -> dict[str, dict[str, int]]:
        """Numbers of a variant's published clips, split -> class name -> number.

        For a variant that is not a published one, the numbers of the paper's variant.
        """
        place = self.variants.index(variant) if variant in self.variants else 0
        return {
            split: {
                each.name: each.clips if isinstance(each.clips, int) else each.clips[place]
                for each in classes
            }
            for split, classes in self.classes.items()
        }

    def clip_of(self, name: str) -> tuple[str, str]:
        """The clip that a file's name names, and the seconds of a YouTube video ("" without).

        -VtLx-mcPds_000012_000022  ->  -VtLx-mcPds, 000012_000022
        """
        name = composed(name)
        found = _SECONDS.fullmatch(name) if self.clip_names == "youtube" else None
        return (found[1], found[2]) if found else (name, "")

    def released_texts(self) -> dict[str, str]:
        """Class name -> text, of the classes that the release has texts for."""
        return {
            each.name: each.released
            for classes in self.classes.values()
            for each in classes
            if each.released is not None
        }

    def variant_of(self, clips: Iterable[ListedClip], *, otherwise: Variant) -> Variant:
        """The variant that consists of `clips`, in any order; `otherwise` if no variant does."""
        digest = digest_of(clips)
        return next((each for each in self.variants if each.digest == digest), otherwise)


def digest_of(clips: Iterable[ListedClip]) -> str:
    """A digest of a set of clips with their classes and splits."""
    lines = sorted(f"{each.split}/{each.id}" for each in clips)
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()


def normalised(name: str) -> str:
    """A class name without what differs between archives: case, spaces, marks, brackets.

    >>> normalised("Moving [something] up"), normalised("moving_something_up")
    ('movingsomethingup', 'movingsomethingup')
    """
    return _NOT_IN_NAMES.sub("", composed(name)).casefold()


def load_benchmark(name: str) -> Benchmark:
    """The benchmark `name`. Raises ConfigError for an unknown name."""
    if name not in _facts():
        raise ConfigError(f"there is no benchmark {name!r}.{nearest(name, _facts())}")
    return validate(Benchmark, _facts()[name], name=f"{FACTS.name}: {name}")


@cache
def _facts() -> dict[str, dict[str, object]]:
    return read_yaml(FACTS)
