"""Another Python than the project's: a sentence, and no traceback. `-S` leaves all packages out."""

import subprocess
import sys

import pytest

from spm.base import missing_packages
from tests.import_closure import ROOT
from tests.machines import told

REMEDY = "from spm import missing_packages; print(missing_packages._remedy())"
"""As the other Python would say it: here, in the project's own, it is another one."""


def run(*arguments: str, cwd=ROOT) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-S", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize(
    "module",
    [f"stages.{name}" for name in ("clips", "inventory", "train", "commands.gc")]
    + ["pipeline.experiments", "pipeline.preset"]
    + [f"spm.{name}" for name in ("classify", "convert", "predict", "cli")],
)
def test_a_command_says_which_python_ran_and_what_to_do(module):
    done = run("-m", module)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {sys.executable} has no package ")
    assert line.endswith(run("-c", REMEDY).stdout.strip())


def test_what_is_missing_of_the_project_itself_is_a_bug(tmp_path):
    (tmp_path / "spm").symlink_to(ROOT / "spm")
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").write_text((ROOT / "stages/__init__.py").read_text())
    (tmp_path / "stages/broken.py").write_text("import spm.gone")
    assert "Traceback" in run("-m", "stages.broken", cwd=tmp_path).stderr


def test_a_program_that_imports_the_library_keeps_its_own_errors():
    done = run("-c", "import spm; spm.load_model")
    assert "Traceback" in done.stderr
    assert "No module named" in done.stderr


@pytest.mark.parametrize(
    ("made", "active", "state"),
    [
        (False, False, "not made"),
        (True, False, "not active"),
        (True, True, "incomplete"),
    ],
)
def test_the_remedy(tmp_path, monkeypatch, capsys, made, active, state):
    venv = tmp_path / ".venv"
    monkeypatch.setattr(missing_packages, "_VENV", venv)
    if made:
        (venv / "bin").mkdir(parents=True)
        (venv / "bin/python").write_text("")
    if active:
        monkeypatch.setattr(sys, "prefix", str(venv))
    error = ModuleNotFoundError(name="pyarrow")
    missing_packages._explain(type(error), error, None)
    assert told(f".venv {state}").match(capsys.readouterr().err)


def test_an_old_python_is_told_so(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["-m"])
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match=r"is Python 3\.9, but 3\.11 is needed"):
        missing_packages.explain_missing_packages()
