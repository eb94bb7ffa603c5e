"""What a folder of spm/methods may be called, and what its files may import.

A stage of dvc.yaml depends on the folder of its method, on spm/methods/base.py and on spm/nn. What
a method took from elsewhere could change without a stage running again.
"""

import ast
import re
from collections.abc import Iterator
from importlib.util import resolve_name
from keyword import iskeyword
from pathlib import Path

from spm.base.errors import ConfigError
from spm.config.dataset import BENCHMARKS, BUILT_IN

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PRESETS = {*BENCHMARKS, *BUILT_IN, "paper", "release"}
_OWN_PACKAGES = {"spm", "pipeline", "stages"}
_SHARED = ("spm.base", "spm.config", "spm.nn", "spm.methods.base")


def check_name(folder: Path) -> None:
    """Raises ConfigError for a folder of spm/methods with a name that a method cannot have."""
    name = folder.name
    if folder.with_suffix(".py").is_file():
        said = f"hides the module spm/methods/{name}.py"
    elif name in _PRESETS:
        said = f"is the name of a preset (`clip-spm preset {name}`)"
    elif iskeyword(name) or not _NAME.fullmatch(name):
        said = "is not small letters, digits and single _ with a letter first, as in warm_cosine"
    else:
        return
    raise ConfigError(f"the method's folder spm/methods/{name}: its name {said}: rename the folder")


def check_imports(folder: Path) -> None:
    """Raises ConfigError for a method's file that imports more of the project than it may."""
    own = f"spm.methods.{folder.name}"
    for path in sorted(folder.rglob("*.py")):
        for line, name in _imports(path, folder=folder):
            if name.split(".")[0] in _OWN_PACKAGES and not _within(name, (own, *_SHARED)):
                raise ConfigError(
                    f"spm/methods/{path.relative_to(folder.parent)}, line {line} imports {name}, "
                    "and no stage would run again when that changes: a method takes from its own "
                    "folder, spm.methods.base, spm.nn, spm.base and spm.config alone. Copy what it "
                    "needs into its folder, or move what both methods use to spm/nn"
                )


def _imports(path: Path, *, folder: Path) -> Iterator[tuple[int, str]]:
    """Line and module of each import; for `from a import b` a.b, be it a module or not.

    A file that Python cannot read imports nothing: building the method says what is wrong with it.
    """
    package = ".".join(("spm", *path.parent.relative_to(folder.parents[1]).parts))
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def _within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)
