"""The end of an error about an unknown name: the name that was probably meant."""

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str], *, otherwise: str = "") -> str:
    """A hint at the closest of `names`, or `otherwise` if none is close. Begins with a space.

    >>> nearest("episode", ["lr", "episodes"])
    " Did you mean 'episodes'?"
    """
    folded = {each.casefold(): each for each in names}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.5)
    if close:
        return f" Did you mean {folded[close[0]]!r}?"
    return f" {otherwise}" if otherwise else ""
