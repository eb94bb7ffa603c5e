"""The project's files that a module imports, by paths relative to the root."""

from collections.abc import Collection
from pathlib import Path

from spm.base import source

ROOT = Path(__file__).parent.parent
PACKAGES = ("spm", "pipeline", "stages")


def closure(module: str, *, without: Collection[str] = ()) -> set[Path]:
    """Files of the project that importing and running `module` can reach, itself among them.

    Not by way of the modules `without`.
    """
    files = source.closure(module, packages=PACKAGES, without=without)
    return {path.relative_to(ROOT) for path in files.values()}


def imports(path: Path, *, of: tuple[str, ...] = PACKAGES) -> list[str]:
    """Module names that the file at `path` (relative to the root) imports, of these packages."""
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    names = source.imports(ROOT / path, module=module)
    return [name for name in names if name.split(".")[0] in of]
