"""Classes that are called the same: to the model they are one action, whose prompts are identical.

    Open Door, OpenDoor, open_door     open door

In two splits it is trained on what it is tested on: an error. In one, episodes ask for two classes
that only the clips tell apart: a warning.
"""

import html
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from spm.base.errors import DataError

Groups = Sequence[Sequence[str]]
"""Classes that are called alike."""
Have = Callable[[Sequence[str]], str]

_REMEDY = (
    "If it is one action, put its clips into one folder; if not, give each a text of its own by "
    "dataset.class_texts"
)


def same_texts(texts: Mapping[str, str]) -> list[list[str]]:
    """Groups of classes, of `texts` (class -> text), whose texts a text tower reads alike."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(texts):
        groups[_as_read(texts[name])].append(name)
    return [names for names in groups.values() if len(names) > 1]


def are_one(texts: Iterable[str]) -> bool:
    """Whether a text tower reads all of them alike."""
    return len(set(map(_as_read, texts))) == 1


def check_texts(texts: Mapping[str, str], *, splits: Mapping[str, str]) -> None:
    """Raises DataError for classes of different splits with one text; `splits`: class -> split."""
    check_alike(_groups(texts, splits=splits), splits=splits, have=_have(texts))


def warnings(texts: Mapping[str, str], *, splits: Mapping[str, str]) -> list[str]:
    """A line for each group of classes of one split with one text."""
    return warn_alike(_groups(texts, splits=splits), splits=splits, have=_have(texts))


def check_alike(groups: Groups, *, splits: Mapping[str, str], have: Have) -> None:
    """Raises DataError for groups of classes that are called alike and lie in different splits.

    `have`: what the classes of a group have in common.
    """
    across = [names for names in groups if len({splits[name] for name in names}) > 1]
    if across:
        lines = [_line(names, splits=splits, have=have) for names in across]
        raise DataError("\n".join([*lines, f"One action cannot be in two splits. {_REMEDY}"]))


def warn_alike(groups: Groups, *, splits: Mapping[str, str], have: Have) -> list[str]:
    """A line for each group."""
    return [f"{_line(names, splits=splits, have=have)}. {_REMEDY}" for names in groups]


def _groups(texts: Mapping[str, str], *, splits: Mapping[str, str]) -> Groups:
    """Of the classes that are in a split."""
    return same_texts({name: texts[name] for name in splits})


def _have(texts: Mapping[str, str]) -> Have:
    return lambda names: f"the same text, {texts[names[0]]!r}"


def _line(names: Sequence[str], *, splits: Mapping[str, str], have: Have) -> str:
    found = ", ".join(f"{name!r} ({splits[name]})" for name in names)
    return f"classes {found} have {have(names)}"


def _as_read(text: str) -> str:
    """As tokenizers clean a text: one kind of quotes, letters of usual width, small ones.

    They take HTML out of it twice, as `&amp;amp;` is found on pages.
    """
    plain = html.unescape(html.unescape(text))
    usual = unicodedata.normalize("NFKC", plain).replace("’", "'").replace("‘", "'")
    return " ".join(usual.replace("“", '"').replace("”", '"').lower().split())
