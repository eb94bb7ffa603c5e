"""Which class is in which split: from class lists, from folders, or drawn."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from spm.base.errors import ConfigError, DataError
from spm.base.nearest import nearest
from spm.config.dataset import DrawnSplit
from spm.dataset.names import composed

SPLITS = ("train", "val", "test")
_SHOWN = 5


def splits_of_lists(
    class_lists: Mapping[str, Sequence[str]], *, present: Collection[str], bare: Mapping[str, str]
) -> dict[str, str]:
    """Class -> split. `present`: class folders with clips; `bare`: those without -> their content.

    Raises ConfigError for a class that is listed twice, DataError for one that is not present.
    """
    splits: dict[str, str] = {}
    for split in SPLITS:
        for name in map(composed, class_lists[split]):
            if name in splits:
                raise ConfigError(
                    f"class {name!r} is listed twice, in {splits[name]} and in {split}: the splits "
                    "must not share a class"
                )
            splits[name] = split
    missing = [name for name in splits if name not in present]
    if missing:
        raise DataError("\n".join(_missing(name, splits[name], present, bare) for name in missing))
    return splits


def splits_of_folders(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Class -> split. `found`: for each clip its class and the split that it lies in.

    Raises DataError for classes that lie in more than one split.
    """
    splits: dict[str, set[str]] = defaultdict(set)
    for name, split in found:
        splits[name].add(split)
    shared = sorted(name for name, its_splits in splits.items() if len(its_splits) > 1)
    if shared:
        raise DataError(_shared(shared, splits=splits))
    return {name: split for name, (split,) in splits.items()}


def draw_splits(classes: Collection[str], *, how: DrawnSplit) -> dict[str, str]:
    """Class -> split, dealt at random by `how.seed`; the classes left over are in no split.

    Raises DataError if there are too few classes.
    """
    sizes = {"train": how.train, "val": how.val, "test": how.test}
    needed = sum(sizes.values())
    if len(classes) < needed:
        raise DataError(
            f"dataset.split asks for {needed} classes (train {how.train}, val {how.val}, test "
            f"{how.test}), but {len(classes)} have clips ({_some(sorted(classes))}): a class is a "
            "folder directly in that of the data set. Lower the numbers, or add classes"
        )
    order = np.random.default_rng(how.seed).permutation(sorted(classes)).tolist()
    dealt = [split for split, size in sizes.items() for _ in range(size)]
    return dict(zip(order, dealt, strict=False))


def _missing(name: str, split: str, present: Collection[str], bare: Mapping[str, str]) -> str:
    if name in bare:
        return f"class {name!r} of split {split} has a folder, but no clips in it: {bare[name]}"
    hint = nearest(name, present)
    return f"class {name!r} of split {split} has no folder with clips in the data set.{hint}"


def _shared(names: Sequence[str], *, splits: Mapping[str, Collection[str]]) -> str:
    places = [f"{name} ({', '.join(s for s in SPLITS if s in splits[name])})" for name in names]
    return (
        f"with dataset.split: folders, no class may lie in two splits, as these do: "
        f"{_some(places)}. Few-shot learning is tested on classes that it was not trained on: put "
        "the clips of each class into one folder, beside the other classes, and let "
        "dataset.split draw classes ({seed: 0, train: 30, val: 6, test: 12}) or list them"
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) or "none"
    return f"{shown}, …" if len(names) > _SHOWN else shown
