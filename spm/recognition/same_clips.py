"""Tells examples that are the same clip: what is shown twice counts twice, and in two classes says
that both are one."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from spm.base.printable import printable
from spm.recognition.enrolled import EnrolledClass


def same_clips(classes: Iterable[EnrolledClass]) -> Iterator[str]:
    """A warning for each group of examples with the same features: copies of one video, say."""
    places = defaultdict(list)
    for each in classes:
        for clip, features in zip(each.clips, each.features, strict=True):
            places[features.numpy().tobytes()].append((each.name, clip))
    for found in places.values():
        if len(found) > 1:
            names = ", ".join(f"{printable(clip)} ({printable(name)})" for name, clip in found)
            held = {name for name, _ in found}
            so = "counts as often" if len(held) == 1 else "makes these classes hard to tell apart"
            yield f"warning: the same clip, which {so}: {names}"
