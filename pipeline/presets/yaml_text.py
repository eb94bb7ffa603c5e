"""Editing the text of params.yaml: values change, comments and layout stay."""

import io
import re
from decimal import Decimal
from pathlib import Path
from textwrap import indent
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter

from pipeline.presets.parameters import is_section_of
from spm.config.dotted import place_of
from spm.config.model import METHOD, VALUES, method_file


def with_values(text: str, values: dict[str, Any]) -> str:
    """The YAML document `text` with dotted names set; everything else stays as it was.

    If `values` name a `model.method` whose keys the section does not have, that method's section
    replaces it, comments included.
    """
    yaml = _round_trip()
    document = yaml.load(text)
    if METHOD in values and not is_section_of(values[METHOD], document):
        text = _with_section(text, document, "model", method_file(values[METHOD], VALUES))
        document = yaml.load(text)
    for name, value in values.items():
        _set(*place_of(name, document=document), value)
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _with_section(text: str, document: Any, name: str, file: Path) -> str:
    """`text` with its section `name` replaced by the content of `file`, less the comment at its
    top. Blank lines and comments before the next section stay.

    document: `text` as ruamel loads it, which knows the line of each section.
    """
    values = re.sub(r"\A(?:#.*\n|\n)*", "", file.read_text(encoding="utf-8"))
    section = f"{name}:\n{indent(values, '  ')}"
    if name not in document:
        return f"{text.rstrip()}\n\n{section}"
    lines = text.splitlines(keepends=True)
    begin = document.lc.key(name)[0]
    starts = (document.lc.key(key)[0] for key in document)
    end = min((start for start in starts if start > begin), default=len(lines))
    while lines[end - 1].isspace() or (lines[end - 1].startswith("#") and end < len(lines)):
        end -= 1
    return "".join([*lines[:begin], section, *lines[end:]])


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.Representer = _Representer
    return yaml


class _Representer(RoundTripRepresenter):
    """Writes null as `null`, where ruamel leaves the place empty, and floats without an exponent,
    because PyYAML reads 1e-05 as text."""

    def represent_none(self, data: None) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")

    def represent_float(self, data: float) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:float", f"{Decimal(repr(data)):f}")


_Representer.add_representer(type(None), _Representer.represent_none)
_Representer.add_representer(float, _Representer.represent_float)


def _set(section: dict[str, Any], key: str, value: Any) -> None:
    """Sets a value. A list is written in brackets: an empty one has no other form, and its comment
    would stand in the way of lines."""
    if section[key] == value:
        return
    if isinstance(value, list):
        brackets = CommentedSeq(value)
        brackets.fa.set_flow_style()
        section[key] = brackets
    else:
        section[key] = value
