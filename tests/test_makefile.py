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


def make(folder: Path, *arguments: str, **environment: str) -> list[str]:
    """What was called, in order."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    done = subprocess.run(
        ["make", "-s", *arguments],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout.splitlines()


def test_repro_shows_the_table_once_whether_a_stage_ran_or_not(installed: Path) -> None:
    assert make(installed, "repro") == [
        "dvc repro table=later",
        "python -m spm.results.accuracy_table data/results/evaluate.json table=",
    ]


def test_a_repro_that_failed_shows_no_table(installed: Path) -> None:
    stub(installed / ".venv/bin/dvc", status=1)
    assert make(installed, "repro") == ["dvc repro table=later"]


def test_a_new_lock_keeps_the_python_that_is_there(installed: Path) -> None:
    (installed / "requirements.lock").write_text("")
    lines = make(installed, "-n", ".venv/installed")
    assert "pip install -r requirements.lock" in lines
    assert not any("-m venv" in line for line in lines)


@pytest.mark.parametrize("by_environment", [True, False])
def test_another_python_makes_a_new_venv(installed: Path, by_environment: bool) -> None:
    other = installed / "python9"
    stub(other)
    if by_environment:
        lines = make(installed, "-n", ".venv/installed", PYTHON=str(other))
    else:
        lines = make(installed, "-n", ".venv/installed", f"PYTHON={other}")
    assert f"{other} -m venv --clear .venv" in lines


def test_the_same_python_is_not_another(installed: Path) -> None:
    same = f"PYTHON={installed / '.venv/bin/python'}"
    assert not any("pip" in line for line in make(installed, "-n", ".venv/installed", same))


def test_without_a_venv_one_is_made_and_filled(installed: Path) -> None:
    shutil.rmtree(installed / ".venv")
    tools = installed / "tools"
    tools.mkdir()
    for name in ("python9", "pip", "touch"):
        stub(tools / name)
    path = f"{tools}:{os.environ['PATH']}"
    lines = make(installed, ".venv/installed", PYTHON=str(tools / "python9"), PATH=path)
    assert [line.removesuffix(" table=") for line in lines if " -c " not in line] == [
        "python9 -m venv --clear .venv",
        "pip install -r requirements.lock",
        "pip install --no-deps --no-build-isolation -e .",
        "touch .venv/installed",
    ]


def test_a_python_that_is_too_old_or_new_is_told_of_before_the_venv(installed: Path) -> None:
    other = installed / "python9"
    stub(other, status=1)
    assert make(installed, ".venv/installed", PYTHON=str(other))[-1] == (
        "Python 3.11, 3.12 or 3.13 is needed; make PYTHON=/path/to/python3.13 ..."
    )
