"""Whether a split has the classes and clips that its episodes take.

Asked before decoding (what the folder holds), after it (what could be read) and wherever episodes
are drawn: any class can be drawn, so that each needs shot + query clips.
"""

from collections.abc import Mapping

from spm.base.errors import DataError

VALIDATION_SPLITS = {"validation": "val", "test": "test"}
"""`train.selection` -> the split whose accuracy it picks the weights by."""


def check_feasible(
    counts: Mapping[str, Mapping[str, int]], *, way: int, shot: int, query: int, split: str
) -> None:
    """counts: split -> class -> number of usable clips. Checks the split `split`.

    Raises DataError that says how many classes there are, or names each class that is too small.
    """
    classes = counts.get(split, {})
    if len(classes) < way:
        remedy = "lower it, or put more classes" if classes else "put classes"
        raise DataError(
            f"the {split} split has {len(classes)} classes, but an episode takes {way} "
            f"(episode.way): {remedy} into the split{_instead(split)}"
        )
    needed = shot + query
    small = [f"{name} ({count})" for name, count in sorted(classes.items()) if count < needed]
    if small:
        raise DataError(
            f"an episode takes {needed} clips of a class (shot {shot} + query {query}), but in the "
            f"{split} split these have fewer usable ones: {', '.join(small)}. Lower shot or query, "
            f"add clips, or take the classes out of the split"
        )


def _instead(split: str) -> str:
    return ", or select on the test split (train.selection: test)" if split == "val" else ""
