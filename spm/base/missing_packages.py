"""One sentence instead of a traceback, if a Python without the project's packages runs a command.

DVC starts stages with the shell's `python`: if .venv is not active, `.venv/bin/dvc repro` starts a
Python that has none of the packages. This file must run in such Pythons, old ones included.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

_OURS = ("spm", "pipeline", "stages")
_VENV = Path(__file__).parent.parent.parent / ".venv"


def explain_missing_packages() -> None:
    """For `python -m …` of this project: refuses an old Python, and explains a missing package.

    If the project is imported as a library, this does nothing.
    """
    if sys.argv[:1] != ["-m"]:  # Python's value while it looks for the module to run
        return
    if sys.version_info < (3, 11):  # noqa: UP036
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"error: {sys.executable} is Python {version}, but 3.11 is needed: {_remedy()}")
    sys.excepthook = _explain


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    package = (getattr(error, "name", None) or "").split(".")[0]
    if isinstance(error, ModuleNotFoundError) and package not in ("", *_OURS):
        print(f"error: {sys.executable} has no package {package}: {_remedy()}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def _remedy() -> str:
    if not (_VENV / "bin/python").exists():
        return "`make repro` sets up .venv, with all packages, and uses it"
    if Path(sys.prefix) == _VENV:
        return "`make -B .venv/installed` installs what requirements.lock names"
    return f"`source {_VENV}/bin/activate` first"
