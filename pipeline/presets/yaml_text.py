"""Editing the text of params.yaml: values change, comments and layout stay."""

import io
import re
from decimal import Decimal
from pathlib import Path
from textwrap import indent
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from pipeline.presets.parameters import method_of
from spm.config.dotted import place_of
from spm.config.model import METHOD, VALUES, method_file


def with_values(text: str, values: dict[str, Any]) -> str:
    """The YAML document `text` with dotted names set; all else as it was.

    Another `model.method` comes with its section, comments included.
    """
    yaml = _round_trip()
    document = yaml.load(text)
    if METHOD in values and values[METHOD] != method_of(document):
        text = _with_section(text, "model", method_file(values[METHOD], VALUES))
        document = yaml.load(text)
    for name, value in values.items():
        _set(*place_of(name, document=document), value)
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _with_section(text: str, name: str, file: Path) -> str:
    """`text` with the content of `file`, less the comment at its top, as its section `name`."""
    top = r"(?:#.*\n|\n)*"
    values = re.sub(rf"\A{top}", "", file.read_text(encoding="utf-8"))
    section = rf"(?m)^{name}:[^\n]*\n(?:[ \t]+[^\n]*\n|\n(?=[ \t]))*"
    return re.sub(section, lambda _: f"{name}:\n{indent(values, '  ')}", text, count=1)


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.Representer = _Representer
    return yaml


class _Representer(RoundTripRepresenter):
    """Writes null as null, where ruamel's own leaves the place empty, and 0.00001 as it is read
    best: 1e-05 is text to PyYAML."""

    def represent_none(self, data: None) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")

    def represent_float(self, data: float) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:float", f"{Decimal(repr(data)):f}")


_Representer.add_representer(type(None), _Representer.represent_none)
_Representer.add_representer(float, _Representer.represent_float)


def _set(section: dict[str, Any], key: str, value: Any) -> None:
    """A list is filled in place: it stays in brackets where it was."""
    if section[key] == value:
        return
    if isinstance(value, list) and isinstance(section[key], list):
        section[key][:] = value
    else:
        section[key] = value
