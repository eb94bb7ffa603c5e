"""Sets params.yaml to a preset of values, and prints what changed.

    python -m pipeline.preset release
    python -m pipeline.preset paper

A preset is a file of pipeline/presets: some sections of params.yaml with some of their keys. Its
values are set in params.yaml, everything else stays as it is, comments and layout included.
"""

import argparse
import difflib
import io
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from pipeline.parameters import apply, check, flatten
from spm.atomic import atomic_path
from spm.errors import ConfigError, InputError
from spm.yaml_file import read_yaml

PARAMS = Path("params.yaml")
PRESETS = Path(__file__).parent / "presets"


def set_preset(name: str, *, path: Path = PARAMS, presets: Path = PRESETS) -> str:
    """Sets `path` to the preset; returns the difference, "" where there is none.

    Raises ConfigError for an unknown preset, for one with a key that is no parameter, and where
    the result would not be valid; nothing is written then.
    """
    values = load_preset(name, presets=presets)
    check(apply(read_yaml(path), values))
    before = path.read_text()
    after = with_values(before, values)
    if after != before:
        with atomic_path(path) as temporary:
            temporary.write_text(after)
    lines = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(difflib.unified_diff(*lines, fromfile=str(path), tofile=f"{path} ({name})", n=0))


def load_preset(name: str, *, presets: Path = PRESETS) -> dict[str, Any]:
    """Dotted name -> value. Raises ConfigError that lists the presets for an unknown name."""
    path = presets / f"{name}.yaml"
    known = sorted(found.stem for found in presets.glob("*.yaml"))
    if name not in known:
        raise ConfigError(f"there is no preset {name!r}; presets: {', '.join(known) or 'none'}")
    return flatten(read_yaml(path))


def with_values(text: str, values: dict[str, Any]) -> str:
    """The YAML document `text` with dotted names set; all else as it was."""
    yaml = _round_trip()
    document = yaml.load(text)
    for name, value in values.items():
        _set(document, name, value)
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.Representer = _Representer
    return yaml


class _Representer(RoundTripRepresenter):
    """Writes null as null; ruamel's own leaves the place empty."""

    def represent_none(self, data: None) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.represent_none)


def _set(document: dict[str, Any], name: str, value: Any) -> None:
    """A list is filled in place: it stays in brackets where it was."""
    *parents, last = name.split(".")
    section = document
    for parent in parents:
        section = section[parent]
    if section[last] == value:
        return
    if isinstance(value, list) and isinstance(section[last], list):
        section[last][:] = value
    else:
        section[last] = value


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.preset", description="Sets params.yaml to a preset of values."
    )
    parser.add_argument("name", metavar="NAME", help="a file of pipeline/presets")
    name = parser.parse_args().name
    print(set_preset(name) or f"params.yaml: is {name} already")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"preset: error: {error}")
