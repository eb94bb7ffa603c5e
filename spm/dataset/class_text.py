"""The text of a class, from its name. By these rules, in this order:

1. Brackets go, their content stays:    Moving [something] up    moving something up
2. Underscores become spaces:           brush_hair               brush hair
3. CamelCase is split, before a capital
   that follows a small letter or digit,
   and before the last of several
   capitals that starts a word:         HandstandPushups         handstand pushups
                                        BMXRiding                bmx riding
4. All in small letters, with single
   spaces:                              Tai  Chi                 tai chi

Hyphens, apostrophes and commas stay. `dataset.class_texts` corrects the texts that the rules get
wrong (YoYo becomes "yo yo").
"""

import re
from collections.abc import Iterable, Mapping

from spm.base.errors import ConfigError, DataError
from spm.base.nearest import nearest
from spm.dataset.names import composed

_BRACKETS = re.compile(r"[\[\]]")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SHOWN = 10


def class_text(name: str) -> str:
    """The text of class `name` by the rules above. Raises DataError if the text is empty."""
    words = _WORD_START.sub(" ", _BRACKETS.sub("", name).replace("_", " "))
    text = " ".join(words.lower().split())
    if not text:
        raise DataError(f"class {name!r} has no text: rename its folder or set dataset.class_texts")
    return text


def class_texts(names: Iterable[str], *, overrides: Mapping[str, str]) -> dict[str, str]:
    """Class name -> text; `overrides` win. Raises ConfigError if one names an unknown class."""
    known = sorted(names)
    overrides = {composed(name): composed(text) for name, text in overrides.items()}
    for name in overrides:
        if name not in known:
            there_are = f"There are: {_first(known)}"
            raise ConfigError(
                f"dataset.class_texts: there is no class {name!r}."
                f"{nearest(name, known, otherwise=there_are)} Correct the name, or remove the line"
            )
    return {name: overrides[name] if name in overrides else class_text(name) for name in known}


def _first(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
