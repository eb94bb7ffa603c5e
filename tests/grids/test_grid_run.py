"""What the flow says and how it ends what it has started; points themselves: test_experiments."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.grids.grid import Point
from pipeline.grids.grid_run import (
    Outcome,
    Progress,
    Runner,
    Task,
    child_environment,
    duration,
    failure_in,
)
from pipeline.presets.parameters import apply
from spm.base.yaml_file import read_yaml
from tests.import_closure import ROOT
from tests.project import wait_until

POINT = Point("full", 0, {}, read_yaml(ROOT / "params.yaml"))
TASK = Task("key", "grid-full-s0", POINT, Path("full.log"))


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "3 s"), (99.6, "100 s"), (150, "2 min"), (3720, "1 h 2 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("> python\ninventory: error: too few\nERROR: failed to reproduce\n", "too few"),
        ("> python\nrank 1: error: no memory\nRuntimeError: boom\nERROR: failed\n", "no memory"),
        ("Traceback\n  File\nRuntimeError: boom\nERROR: failed\n", "RuntimeError: boom"),
        ("Running\nERROR: no lock\n\n", "no lock"),
        ("Running\nKilled\n", "Killed"),
        ("", "it ended without a word"),
    ],
)
def test_the_reason_of_a_failure(tmp_path, log, reason):
    (tmp_path / "log").write_text(log)
    assert failure_in(tmp_path / "log") == reason


def test_the_reason_of_a_failure_is_of_the_last_run(tmp_path):
    (tmp_path / "log").write_text("ERROR: yesterday\nERROR: today\n")
    assert failure_in(tmp_path / "log", after=len("ERROR: yesterday\n")) == "today"


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """With one copy; what DVC is asked for is run by `sh`, to which it is a comment."""
    copy = SimpleNamespace(folder=ROOT, reset=lambda overrides: None)
    monkeypatch.setattr(
        "pipeline.grids.grid_run.dvc_command", lambda: ["sh", str(tmp_path / "dvc")]
    )
    environment = dict(os.environ)
    return Runner([copy], root=ROOT, records=None, environment=environment)


def test_shared_stages_that_fail_say_why_and_give_the_copy_back(runner, tmp_path):
    log = tmp_path / "logs/frames.log"
    (tmp_path / "dvc").write_text("echo frames: error: no videos; exit 1")
    assert runner.share(TASK, log=log) == "no videos"
    (tmp_path / "dvc").write_text("echo frames: error: no space; exit 1")
    assert runner.share(TASK, log=log) == "no space"
    (tmp_path / "dvc").write_text("echo fine")
    assert runner.share(TASK, log=log) is None
    said = log.read_text()
    assert said.count("repro frames") == 3
    assert said.index("no videos") < said.index("no space") < said.index("fine")


def test_a_point_is_run_up_to_its_stage_and_kept_as_that(runner, tmp_path):
    kept: list[object] = []
    runner._records = SimpleNamespace(keep=lambda key, **options: kept.append(options["stage"]))
    copy = runner._free.get()
    copy.publish = kept.append
    runner._free.put(copy)
    (tmp_path / "dvc").write_text('echo "$@"')
    for stage in ("train", "evaluate"):
        task = replace(TASK, log=tmp_path / stage, stage=stage)
        assert runner.run(task).failure is None
        assert f"exp run --name grid-full-s0 {stage}\n" in task.log.read_text()
    assert kept == ["train", "evaluate", "grid-full-s0"]  # with its name: an experiment of DVC


def test_shared_stages_that_cannot_start_say_why_and_give_the_copy_back(runner, tmp_path):
    (tmp_path / "log").mkdir()  # no file can be written there
    for _ in range(2):
        assert "Is a directory" in runner.share(TASK, log=tmp_path / "log")


def test_a_point_finds_the_projects_places_and_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///env.db")
    monkeypatch.delenv("CLIP_SPM_DATA", raising=False)
    root, place = tmp_path / "project", tmp_path / "copy"
    (root / "models").mkdir(parents=True)
    (root / "models/rn50.pt").write_text("weights")
    given: dict[str, str] = {}
    copy = SimpleNamespace(folder=place, reset=given.update)
    runtime = {"runtime.root": "../videos", "runtime.tracking_uri": "sqlite:///runs.db"}
    parameters = apply(POINT.parameters, runtime | {"backbone.weights": "models/rn50.pt"})
    environment = child_environment(root, state=tmp_path / "state", parent_run="")
    runner = Runner([copy], root=root, records=None, environment=environment)
    runner._prepare(copy, replace(POINT, parameters=parameters))
    assert given["runtime.root"] == f"{root}/../videos"
    assert given["runtime.tracking_uri"] == f"sqlite:///{root}/runs.db"
    assert environment["MLFLOW_TRACKING_URI"] == f"sqlite:///{root}/env.db"
    assert environment["CLIP_SPM_DATA"] == f"{root}/data/raw"
    assert (place / "models/rn50.pt").read_text() == "weights"


def test_progress_says_which_how_many_are_left_and_for_how_long(capsys):
    progress = Progress(3, jobs=1)
    for failure in (None, "boom"):
        with progress.point(TASK) as report:
            report(Outcome(TASK, failure))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[1/3] full, seed 0: started, see full.log"
    assert lines[1] == "[1/3] full, seed 0: done after 0 s; 2 left, about 0 s"
    assert lines[3] == "[2/3] full, seed 0: FAILED: boom after 0 s; 1 left, about 0 s"


def supervised(code: str, **options) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pipeline.machine.supervise", sys.executable, "-c", code]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True, **options)


def test_a_supervised_command_passes_its_status_on():
    process = supervised("import sys; sys.exit(3)")
    assert process.wait(20) == 3
    process.stdin.close()


def test_a_supervised_command_ends_with_its_parent_and_takes_its_children_along():
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = supervised(code, stdout=subprocess.PIPE)
    grandchild = int(process.stdout.readline())
    os.kill(grandchild, 0)
    process.stdin.close()
    assert process.wait(20) != 0
    wait_until(lambda: not _lives(grandchild), seconds=20)
    process.stdout.close()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
