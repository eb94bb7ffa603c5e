"""What the project's modules import, read from their files: paths relative to the root."""

import ast
from collections.abc import Collection
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("spm", "pipeline", "stages")


def closure(*modules: str, without: Collection[str] = ()) -> set[Path]:
    """Files of the project that importing and running `modules` can reach, themselves among them.

    Imports inside functions count, and a package's `__init__` counts with each of its modules. The
    modules `without` are not gone through.
    """
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _file_of(name)
        if name in without or path is None or path in found:
            continue
        found.add(path)
        waiting += [*imports(path), name.rpartition(".")[0]]
    return found


def imports(path: Path, *, of: tuple[str, ...] = PACKAGES) -> list[str]:
    """Names that the file at `path` imports from the packages `of`; for `from a import b` also
    `a.b`, be it a module or not."""
    module = ".".join(path.with_suffix("").parts)
    package = module.rpartition(".")[0]
    names = []
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return [name for name in names if any(f"{name}.".startswith(f"{each}.") for each in of)]


def _file_of(module: str) -> Path | None:
    """None for a name within a module, and for what is not the project's."""
    if not module:
        return None
    path = Path(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if (ROOT / file).is_file()), None)
