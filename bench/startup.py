"""Measures the start-up time of commands."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.timing import Line, interleaved
from pipeline.machine.git_and_dvc import dvc_command

_ROOT = Path(__file__).parent.parent
_IMPORTS = {"spm": 0.5, "spm.model.model": 3.0}
_NO_OP = 4.0


def lines() -> Iterator[Line]:
    """Lines with seconds; a limit stands for the reference."""
    imports = {name: _run(sys.executable, "-c", f"import {name}") for name in _IMPORTS}
    for name, seconds in interleaved(imports, rounds=3).items():
        yield Line(f"import {name}", "the limit", seconds, _IMPORTS[name], 1.0)
    if _stale_stages() != ["inventory"]:  # `inventory` always looks for new clips
        print("dvc repro with nothing to do: not measured, run `dvc repro` first")
        return
    seconds = interleaved({"repro": _run(*dvc_command(), "repro", "-q")}, rounds=3)["repro"]
    yield Line("dvc repro with nothing to do", "the limit", seconds, _NO_OP, 1.0)


def _stale_stages() -> list[str]:
    status = subprocess.run(
        [*dvc_command(), "status", "--json"],
        cwd=_ROOT,
        env=_environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return list(json.loads(status.stdout))


def _run(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, cwd=_ROOT, env=_environment(), check=True)


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path}
