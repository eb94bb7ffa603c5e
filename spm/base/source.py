"""A hash of source files, which are parsed and not run.

Decoded shards and checkpoints outlive the code that wrote them, so their names contain a hash of
that code: of the folders that a stage of dvc.yaml depends on. Nobody keeps a list of modules.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spm.base.hashing import value_hash
from spm.base.yaml_file import read_yaml

ROOT = Path(__file__).parents[2]
"""The folder that contains the packages."""
_ENDS = (".py", ".yaml", ".json")


def code_hash(*places: str) -> str:
    """A hash of the Python, YAML and JSON files at `places`: folders, as spm/video, or files, below
    ROOT.

    Code counts as a syntax tree without docstrings, and a YAML or JSON file as its values, so that
    comments, docstrings and line breaks do not matter. Raises FileNotFoundError for a place without
    code.
    """
    files = sorted({file for place in places for file in _files(ROOT / place)})
    return value_hash({file.relative_to(ROOT).as_posix(): _meaning(file) for file in files})


def _files(place: Path) -> Iterator[Path]:
    found = (
        [place] if place.is_file() else [each for end in _ENDS for each in place.rglob(f"*{end}")]
    )
    if not found:
        raise FileNotFoundError(f"there is no code at {place}")
    yield from found


def _meaning(path: Path) -> Any:
    if path.suffix != ".py":  # JSON is YAML
        return repr(read_yaml(path))
    return _plain(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))


def _plain(node: Any) -> Any:
    """A syntax tree as lists and strings, without docstrings. Empty fields are left out, because
    newer Pythons add such fields, and the same code must keep its hash."""
    if isinstance(node, list):
        return [_plain(each) for each in node if not _explains(each)]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return [type(node).__name__, *([name, _plain(value)] for name, value in fields)]


def _explains(node: Any) -> bool:
    """Whether `node` is a docstring: a string that stands alone as a statement."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
