"""Which source files a module runs, and a hash of what they say: they are read, not run.

What outlives the code, decoded shards and checkpoints, is named by the code as well. The files are
found by their imports, so that nobody has to list them.
"""

import ast
from collections.abc import Collection, Sequence
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from spm.base.hashing import value_hash
from spm.base.yaml_file import read_yaml

ONLY_HOW = (
    "spm.__init__",
    "spm.base.atomic",
    "spm.base.command",
    "spm.config",
    "spm.base.errors",
    "spm.base.hashing",
    "spm.base.lock",
    "spm.base.missing_packages",
    "spm.base.nearest",
    "spm.base.progress",
    "spm.base.source",
    "spm.base.unwritable",
    "spm.base.versions",
    "spm.base.yaml_file",
)
"""Modules, and packages of them, that cannot change a frame or a weight. They refuse, report, write
files whole, or make the names of shards and checkpoints, where a change shows by itself. The values
of spm.config's sections are in these names."""


def code_hash(module: str, *, packages: Sequence[str]) -> str:
    """Of `module` and all modules of `packages` that it runs, less ONLY_HOW.

    Code counts as a syntax tree without docstrings, a YAML file by its values: a comment, an
    explanation or a line break changes nothing.
    """
    files = closure(module, packages=packages)
    counted = {name: path for name, path in files.items() if not _is_only_how(name)}
    return value_hash({name: _meaning(path) for name, path in counted.items()})


def closure(
    module: str, *, packages: Sequence[str], without: Collection[str] = ()
) -> dict[str, Path]:
    """Name -> file, of `module` and all that importing and running it can reach in `packages`.

    Imports inside functions count. A package's `__init__` counts with each of its modules, and so
    does the YAML file of the same name beside a module. The modules `without` are not gone through.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file_of(name)
        if name in without or path is None or path in found.values():
            continue
        found |= _with_facts(name, path)
        reached = [*imports(path, module=name), name.rpartition(".")[0]]
        waiting += [each for each in reached if each.split(".")[0] in packages]
    return found


def imports(path: Path, *, module: str) -> list[str]:
    """What `module`, the file at `path`, imports: modules, and for `from a import b` also `a.b`."""
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    names = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return names


def _file_of(module: str) -> Path | None:
    """None for a name within a module. The package itself is asked for, and nothing is imported."""
    package, *parts = module.split(".")
    found = find_spec(package)
    for folder in (found.submodule_search_locations if found else None) or []:
        path = Path(folder, *parts)
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _with_facts(name: str, path: Path) -> dict[str, Path]:
    facts = path.with_suffix(".yaml")
    own = f"{name}.__init__" if path.stem == "__init__" else name
    return {own: path} | ({f"{own}.yaml": facts} if facts.is_file() else {})


def _is_only_how(name: str) -> bool:
    return any(name == how or name.startswith(f"{how}.") for how in ONLY_HOW)


def _meaning(path: Path) -> Any:
    return repr(read_yaml(path)) if path.suffix == ".yaml" else _plain(_tree(path))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _plain(node: Any) -> Any:
    """A syntax tree as lists and strings, without what explains. Fields that are empty are left
    out: newer Pythons have more of them, and the same code shall have the same hash."""
    if isinstance(node, list):
        return [_plain(each) for each in node if not _explains(each)]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return [type(node).__name__, *([name, _plain(value)] for name, value in fields)]


def _explains(node: Any) -> bool:
    """A docstring, of whatever it stands under: a string that nothing is done with."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
