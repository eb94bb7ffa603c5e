"""A stage runs once at a time in a project's folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spm.base.errors import InputError
from spm.base.lock import locked
from spm.base.yaml_file import read_yaml
from stages.shared.single_instance import single_instance
from tests.import_closure import ROOT


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RANK", raising=False)


def again() -> None:
    """What a second process would do: the lock is on the file, not on the process."""
    single_instance(main)()


def main(then=lambda: None) -> None:
    then()


def stage(then) -> None:
    def main() -> None:
        then()

    single_instance(main)()


def test_a_second_one_is_told_which_process_to_end():
    with pytest.raises(InputError, match=rf"this stage already runs, in process {os.getpid()}: "):
        stage(again)


def test_it_runs_again_after_it_has_ended_in_any_way():
    with pytest.raises(ZeroDivisionError):
        stage(lambda: 1 / 0)
    stage(lambda: None)


def test_ranks_run_beside_the_first(monkeypatch):
    ran = []

    def second_rank() -> None:
        monkeypatch.setenv("RANK", "1")
        stage(lambda: ran.append("second"))

    stage(second_rank)
    assert ran == ["second"]


def test_another_folder_is_another_project(tmp_path, monkeypatch):
    (tmp_path / "copy").mkdir()

    def elsewhere() -> None:
        monkeypatch.chdir(tmp_path / "copy")
        again()

    stage(elsewhere)


@pytest.mark.parametrize("stage", read_yaml(ROOT / "dvc.yaml")["stages"])
def test_every_stage_is_started_so(stage):
    text = (ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8")
    assert text.endswith("    command.run(single_instance(main))\n")


def test_from_the_command_line(tmp_path):
    command = [sys.executable, "-m", "stages.manifest"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with locked(Path(".dvc/tmp/stages/manifest"), message="not reached"):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"manifest: error: this stage already runs, in process {os.getpid()}: wait for it, or "
    )
