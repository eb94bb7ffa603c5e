"""The wheel of the library, as `pip install .` builds it."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.import_closure import ROOT


def build_wheel(folder: Path) -> Path:
    """Builds it in `folder`, of this clone's spm and pyproject.toml and empty other packages."""
    shutil.copytree(ROOT / "spm", folder / "spm", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("stages", "pipeline"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", folder)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", "dist", "."], cwd=folder, check=True)
    (wheel,) = (folder / "dist").iterdir()
    return wheel
