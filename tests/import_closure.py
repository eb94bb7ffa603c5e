"""Which of the project's files a module imports, directly or through others; read, not run."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("spm", "pipeline", "stages")


def closure(module: str) -> set[Path]:
    """Files of the project that importing and running `module` can reach, itself among them.

    Imports inside functions count. A package's `__init__` counts with each of its modules, and so
    does the YAML file of the same name beside a module.
    """
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = file_of(name)
        if path is None or path in found:
            continue
        found |= {path, path.with_suffix(".yaml")} if _has_facts(path) else {path}
        waiting += imports(path)
        waiting += [name.rsplit(".", 1)[0]] if "." in name else []
    return found


def _has_facts(path: Path) -> bool:
    return (ROOT / path).with_suffix(".yaml").is_file()


def imports(path: Path) -> list[str]:
    """Module names that the file at `path` (relative to the root) imports, of the project only."""
    names = []
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] in PACKAGES]


def file_of(module: str) -> Path | None:
    """The file of a module of the project, relative to the root; None for a name within one."""
    path = Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (ROOT / candidate).is_file():
            return candidate
    return None
