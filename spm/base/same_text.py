"""Classes with the same text: their prompts are identical, so to the model they are one action.

    Open Door, OpenDoor, open_door     open door

In two splits, such classes are an error: the model is trained on a class that it is tested on. In
one split they are a warning: episodes ask for two classes that only the clips tell apart.
"""

import html
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from spm.base.errors import DataError

Groups = Sequence[Sequence[str]]
"""Groups of classes with the same text."""
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
    """Whether a text tower reads all `texts` alike."""
    return len(set(map(_as_read, texts))) == 1


def check_texts(texts: Mapping[str, str], *, splits: Mapping[str, str]) -> None:
    """Raises DataError for classes of different splits with one text; `splits`: class -> split."""
    check_alike(_groups(texts, splits=splits), splits=splits, have=_have(texts))


def warnings(texts: Mapping[str, str], *, splits: Mapping[str, str]) -> list[str]:
    """A line for each group of classes of one split with one text."""
    return warn_alike(_groups(texts, splits=splits), splits=splits, have=_have(texts))


def check_alike(groups: Groups, *, splits: Mapping[str, str], have: Have) -> None:
    """Raises DataError for groups of classes with the same text that lie in different splits.

    `have`: names what the classes of a group have in common.
    """
    across = [names for names in groups if len({splits[name] for name in names}) > 1]
    if across:
        lines = [_line(names, splits=splits, have=have) for names in across]
        raise DataError("\n".join([*lines, f"One action cannot be in two splits. {_REMEDY}"]))


def warn_alike(groups: Groups, *, splits: Mapping[str, str], have: Have) -> list[str]:
    """A warning for each group."""
    return [f"{_line(names, splits=splits, have=have)}. {_REMEDY}" for names in groups]


def _groups(texts: Mapping[str, str], *, splits: Mapping[str, str]) -> Groups:
    """Groups of classes with the same text, among the classes that are in a split."""
    return same_texts({name: texts[name] for name in splits})


def _have(texts: Mapping[str, str]) -> Have:
    return lambda names: f"the same text, {texts[names[0]]!r}"


def _line(names: Sequence[str], *, splits: Mapping[str, str], have: Have) -> str:
    found = ", ".join(f"{name!r} ({splits[name]})" for name in names)
    return f"classes {found} have {have(names)}"


def _as_read(text: str) -> str:
    """The text as tokenizers clean it: one kind of quotes, letters of usual width, small letters.

    Tokenizers unescape HTML twice, because web pages contain `&amp;amp;`.
    """
    plain = html.unescape(html.unescape(text))
    usual = unicodedata.normalize("NFKC", plain).replace("’", "'").replace("‘", "'")
    return " ".join(usual.replace("“", '"').replace("”", '"').lower().split())
