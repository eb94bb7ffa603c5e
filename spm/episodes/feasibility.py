"""Checks that a split has enough classes and clips for its episodes.

Every class can be drawn, so every class needs shot + query clips. The check runs before decoding
(on all clips found), after decoding (on all clips read) and when a sampler is made.
"""

from collections.abc import Mapping

from spm.base.errors import DataError

VALIDATION_SPLITS = {"validation": "val", "test": "test"}
"""`train.selection` -> the split whose accuracy selects the weights."""


def check_feasible(
    counts: Mapping[str, Mapping[str, int]], *, way: int, shot: int, query: int, split: str
) -> None:
    """Checks the split `split`. counts: split -> class -> number of usable clips.

    Raises DataError with the number of classes if they are too few, or with the names of all
    classes that have too few clips.
    """
    classes = counts.get(split, {})
    if said := _too_few_classes(classes, way=way, split=split):
        remedy = "lower it, or put more classes" if classes else "put classes"
        raise DataError(f"{said}: {remedy} into the split{_instead(split)}")
    if said := _too_few_clips(classes, shot=shot, query=query, split=split):
        raise DataError(
            f"{said}. Lower shot or query, add clips, or take the classes out of the split"
        )


def shortfall(
    classes: Mapping[str, int], *, way: int, shot: int, query: int, split: str
) -> str | None:
    """What a split lacks for its episodes, in words; None: nothing. classes: name -> usable clips.

    For a caller that can do without the episodes.
    """
    return _too_few_classes(classes, way=way, split=split) or _too_few_clips(
        classes, shot=shot, query=query, split=split
    )


def _too_few_classes(classes: Mapping[str, int], *, way: int, split: str) -> str | None:
    if len(classes) >= way:
        return None
    return f"the {split} split has {len(classes)} classes, but an episode takes {way} (episode.way)"


def _too_few_clips(classes: Mapping[str, int], *, shot: int, query: int, split: str) -> str | None:
    needed = shot + query
    small = [f"{name} ({count})" for name, count in sorted(classes.items()) if count < needed]
    if not small:
        return None
    return (
        f"an episode takes {needed} clips of a class (shot {shot} + query {query}), but in the "
        f"{split} split these have fewer usable ones: {', '.join(small)}"
    )


def _instead(split: str) -> str:
    return ", or select on the test split (train.selection: test)" if split == "val" else ""
