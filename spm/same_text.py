"""Classes that are called the same: to the model they are one action, whose prompts are identical.

    Open Door, OpenDoor, open_door     open door

In two splits it is trained on what it is tested on: an error. In one, episodes ask for two classes
that only the clips tell apart: a warning.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping

from spm.errors import DataError

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


def check_texts(texts: Mapping[str, str], *, splits: Mapping[str, str]) -> None:
    """Raises DataError for classes of different splits with one text; `splits`: class -> split."""
    groups = same_texts({name: texts[name] for name in splits})
    across = [names for names in groups if len({splits[name] for name in names}) > 1]
    if across:
        lines = [_line(names, texts=texts, splits=splits) for names in across]
        raise DataError("\n".join([*lines, f"One action cannot be in two splits. {_REMEDY}"]))


def warnings(texts: Mapping[str, str], *, splits: Mapping[str, str]) -> list[str]:
    """A line for each group of classes of one split with one text."""
    groups = same_texts({name: texts[name] for name in splits})
    return [f"{_line(names, texts=texts, splits=splits)}. {_REMEDY}" for names in groups]


def _line(names: list[str], *, texts: Mapping[str, str], splits: Mapping[str, str]) -> str:
    found = ", ".join(f"{name!r} ({splits[name]})" for name in names)
    return f"classes {found} have the same text, {texts[names[0]]!r}"


def _as_read(text: str) -> str:
    """As tokenizers clean a text: one kind of quotes, letters of usual width, small ones."""
    usual = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    return " ".join(usual.replace("“", '"').replace("”", '"').lower().split())
