"""Sets params.yaml to a preset of values, and prints what changed.

    python -m pipeline.preset release
    python -m pipeline.preset ssv2_small --shot 5 --backbone RN50
    python -m pipeline.preset motion

A preset is a file of pipeline/presets, some sections of params.yaml with some of their keys; or a
benchmark (pipeline.presets.benchmark_preset). Its values are set in params.yaml, everything else
stays as it is, comments and layout included. `motion` has every key that any other has: it takes
them back.
"""

import argparse
import difflib
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from pipeline.presets.benchmark_preset import BACKBONE, BACKBONES, SHOT, benchmark_preset
from pipeline.presets.parameters import apply
from spm.base import command
from spm.base.atomic import atomic_path
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.dataset import BENCHMARKS
from spm.config.dotted import flatten, place_of
from spm.config.sections import check_all

PARAMS = Path("params.yaml")
PRESETS = Path(__file__).parent / "presets"


def set_preset(
    name: str,
    *,
    shot: int | None = None,
    backbone: str | None = None,
    path: Path = PARAMS,
    presets: Path = PRESETS,
) -> str:
    """Sets `path` to the preset; returns the difference, "" where there is none.

    Raises ConfigError for an unknown preset, for one with a key that is no parameter, and where
    the result would not be valid; nothing is written then.
    """
    values = load_preset(name, shot=shot, backbone=backbone, presets=presets)
    check_all(apply(read_yaml(path), values))
    before = path.read_text(encoding="utf-8")
    after = with_values(before, values)
    if after != before:
        with atomic_path(path) as temporary:
            temporary.write_text(after, encoding="utf-8")
    lines = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(difflib.unified_diff(*lines, fromfile=str(path), tofile=f"{path} ({name})", n=0))


def load_preset(
    name: str,
    *,
    shot: int | None = None,
    backbone: str | None = None,
    presets: Path = PRESETS,
) -> dict[str, Any]:
    """Dotted name -> value. K and backbone are a benchmark's: 1 and ViT-B-16 if not given.

    Raises ConfigError that lists the presets for an unknown name; and for K or a backbone of
    another preset.
    """
    known = sorted(found.stem for found in presets.glob("*.yaml"))
    if name not in (*known, *BENCHMARKS):
        raise ConfigError(
            f"there is no preset {name!r}; presets: {', '.join([*known, *BENCHMARKS])}"
        )
    if name in BENCHMARKS:
        return benchmark_preset(
            name, shot=SHOT if shot is None else shot, backbone=backbone or BACKBONE
        )
    if shot is not None or backbone is not None:
        raise ConfigError(f"shot and backbone belong to a benchmark's preset, not to {name!r}")
    return flatten(read_yaml(presets / f"{name}.yaml"))


def with_values(text: str, values: dict[str, Any]) -> str:
    """The YAML document `text` with dotted names set; all else as it was."""
    yaml = _round_trip()
    document = yaml.load(text)
    for name, value in values.items():
        _set(*place_of(name, document=document), value)
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


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.preset", description="Sets params.yaml to a preset of values."
    )
    parser.add_argument("name", help="a file of pipeline/presets, or a benchmark")
    parser.add_argument("--shot", type=int, help=f"K, of a benchmark (default: {SHOT})")
    parser.add_argument(
        "--backbone", choices=BACKBONES, help=f"of a benchmark (default: {BACKBONE})"
    )
    given = parser.parse_args()
    difference = set_preset(given.name, shot=given.shot, backbone=given.backbone)
    print(difference or f"params.yaml: is {given.name} already")


if __name__ == "__main__":
    command.run(main)
