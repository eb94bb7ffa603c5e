"""A grid's beginning and end, with its points stood in for; the real flow: test_experiments."""

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.grids import experiment as experiments
from pipeline.grids.grid import Point
from pipeline.grids.grid_run import Outcome
from pipeline.grids.point_records import PointRecords
from tests.import_closure import ROOT
from tests.machines import told

GRID = (
    "{title: Small, baseline: full, seeds: [0], rows: {full: {}, none: {set: {model.spm: false}}}}"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A commit of what a grid reads. The first point that is run fails, MLflow has gone away."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "small.yaml").write_text(GRID)
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(experiments, "_run", lambda tasks, **_: outcomes(tasks, "boom", None))
    return tmp_path


def outcomes(tasks: Any, *failures: str | None) -> list[Outcome]:
    return [Outcome(task, failure) for task, failure in zip(tasks, failures, strict=True)]


def experiment(project: Path) -> list[Outcome]:
    return experiments.experiment("small.yaml", root=project, state=project / "state", jobs=1)


def test_an_mlflow_that_went_away_costs_a_warning_and_no_report(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = SimpleNamespace(returncode=1, stderr="grid_run: error: MLflow cannot be used\n")
    run = subprocess.run
    tracking = "stages.commands.grid_run"
    monkeypatch.setattr(
        subprocess, "run", lambda command, **o: gone if tracking in command else run(command, **o)
    )
    found = experiment(project)
    assert [outcome.failure for outcome in found] == ["boom", None]
    said = capsys.readouterr()
    assert "full, seed 0: boom" in said.out
    assert "1 points are missing: python -m pipeline.experiments small.yaml runs them" in said.out
    assert said.err == "warning: the table is not logged to MLflow: MLflow cannot be used\n"


def test_shared_stages_that_fail_are_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = experiments.Task("key", "name", Point("full", 0, {}, {}), tmp_path / "name.log")
    for failure, stopped, warned in (("no videos", False, True), ("stopped", True, False)):
        runner = SimpleNamespace(share=lambda task, log: failure, stopped=stopped)  # noqa: B023
        experiments._share(task, runner=runner)
        said = capsys.readouterr().err
        assert bool(told("a grid's shared stages fail").search(said)) == warned


def test_points_whose_rows_look_alike_have_logs_of_their_own(tmp_path: Path) -> None:
    points = [Point(row, 0, {}, {}) for row in ("a+b", "a b")]
    keys = {(point.row, point.seed): f"{place}-key" for place, point in enumerate(points)}
    tasks = experiments._tasks(
        points, keys=keys, records=PointRecords(tmp_path), logs=tmp_path / "grid"
    )
    assert len({task.log for task in tasks}) == len({task.name for task in tasks}) == 2
