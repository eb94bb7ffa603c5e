"""One sentence in place of a traceback, where another Python than the project's runs a command.

DVC starts stages with `python`, which is the shell's: `.venv/bin/dvc repro` where .venv is not
active takes one that has none of the packages. Such Pythons read this file, old ones among them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

_OURS = ("spm", "pipeline", "stages")
_VENV = Path(__file__).parent.parent.parent / ".venv"


def explain_missing_packages() -> None:
    """For `python -m …` of this project: ends an old Python, and changes how it says what it lacks.

    Where the project is imported as a library, nothing is changed.
    """
    if sys.argv[:1] != ["-m"]:  # so it is while Python looks for the module that it is to run
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
