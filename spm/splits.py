"""Which class is in which split: from class lists, or drawn."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from spm.config.dataset import DrawnSplit
from spm.errors import ConfigError, DataError
from spm.nearest import nearest

SPLITS = ("train", "val", "test")


def splits_of_lists(
    class_lists: Mapping[str, Sequence[str]], *, present: Collection[str]
) -> dict[str, str]:
    """Class -> split. `present` are the class folders that hold files.

    Raises ConfigError for a class that is listed twice, DataError for one that is not present.
    """
    splits: dict[str, str] = {}
    for split in SPLITS:
        for name in class_lists[split]:
            if name in splits:
                raise ConfigError(
                    f"class {name!r} is listed twice, in {splits[name]} and in {split}: the splits "
                    "must not share a class"
                )
            splits[name] = split
    missing = [name for name in splits if name not in present]
    if missing:
        raise DataError("\n".join(_missing(name, splits[name], present) for name in missing))
    return splits


def draw_splits(classes: Collection[str], *, how: DrawnSplit) -> dict[str, str]:
    """Class -> split, dealt at random by `how.seed`; classes that are left over are in none.

    Raises DataError where there are too few.
    """
    sizes = {"train": how.train, "val": how.val, "test": how.test}
    needed = sum(sizes.values())
    if len(classes) < needed:
        raise DataError(
            f"dataset.split asks for {needed} classes (train {how.train}, val {how.val}, test "
            f"{how.test}), but {len(classes)} have clips: lower the numbers"
        )
    order = np.random.default_rng(how.seed).permutation(sorted(classes)).tolist()
    dealt = [split for split, size in sizes.items() for _ in range(size)]
    return dict(zip(order, dealt, strict=False))


def _missing(name: str, split: str, present: Collection[str]) -> str:
    hint = nearest(name, present)
    return f"class {name!r} of split {split} has no folder with files in the data set.{hint}"
