"""What `make` runs, with a DVC and a Python that only say how they were called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.import_closure import ROOT

SAYS = '#!/bin/sh\necho "{name} $* table=$CLIP_SPM_TABLE"\nexit {status}\n'


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A clone that is set up."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    binaries = tmp_path / ".venv/bin"
    binaries.mkdir(parents=True)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".venv/installed").touch()
    for name in ("dvc", "python"):
        stub(binaries / name)
    return tmp_path


def stub(path: Path, *, status: int = 0) -> None:
    path.write_text(SAYS.format(name=path.name, status=status), encoding="utf-8")
    path.chmod(0o755)


def make(folder: Path, target: str) -> list[str]:
    """What was called, in order."""
    done = subprocess.run(["make", "-s", target], cwd=folder, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_repro_shows_the_table_once_whether_a_stage_ran_or_not(installed: Path) -> None:
    assert make(installed, "repro") == [
        "dvc repro table=later",
        "python -m spm.accuracy_table data/results/evaluate.json table=",
    ]


def test_a_repro_that_failed_shows_no_table(installed: Path) -> None:
    stub(installed / ".venv/bin/dvc", status=1)
    assert make(installed, "repro") == ["dvc repro table=later"]
