"""A grid's beginning and end, with its points stood in for; the real flow: test_experiments."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.grids import experiment as experiments
from pipeline.grids.grid import Point
from pipeline.grids.grid_run import Outcome, Task
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


def test_points_whose_rows_look_alike_have_logs_of_their_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "{a+b: {}, a b: {set: {model.spm: false}}}"
    (project / "small.yaml").write_text(
        f"{{title: Small, baseline: a+b, seeds: [0], rows: {rows}}}"
    )
    tasks = [outcome.task for outcome in experiment(project)]
    assert len({task.log for task in tasks}) == len({task.name for task in tasks}) == 2


CHOOSING = """
title: Choosing
baseline: full
seeds: [0, 1]
choose: {train.lr: [0.01, 0.001]}
rows: {full: {}, none: {set: {model.spm: false}}, fixed: {set: {train.lr: 0.5}, choose: {}}}
"""


@pytest.fixture
def validations(project: Path, monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, float], float]:
    """(row, rate) -> validation accuracy: a point that is not in it fails."""
    (project / "small.yaml").write_text(CHOOSING)
    found: dict[tuple[str, float], float] = {("fixed", 0.5): 1.0}

    def run(tasks: list[Task], *, records: PointRecords, state: Path, **_: Any) -> list[Outcome]:
        done = []
        for task in tasks:
            place = task.point.row, task.point.parameters["train"]["lr"]
            if place in found:
                _record(project, task, records, validation=found[place])
            done.append(Outcome(task, None if place in found else "boom"))
        return done

    monkeypatch.setattr(experiments, "_run", run)
    monkeypatch.setattr(experiments, "_tracking", lambda *_, **__: "")
    return found


def test_each_row_is_measured_with_the_rate_that_validated_best(
    project: Path,
    validations: dict[tuple[str, float], float],
    capsys: pytest.CaptureFixture[str],
) -> None:
    validations |= {("full", 0.01): 80.0, ("full", 0.001): 70.0}
    validations |= {("none", 0.01): 60.0, ("none", 0.001): 61.0}
    ran = [(o.task.point.row, o.task.point.seed, o.task.stage) for o in experiment(project)]
    # Two rates with the first seed for each row that chooses, trained alone; then all rows.
    assert ran[:4] == [("full", 0, "train")] * 2 + [("none", 0, "train")] * 2
    rows = ("full", "none", "fixed")
    assert ran[4:] == [(row, seed, "evaluate") for seed in (0, 1) for row in rows]
    said = capsys.readouterr().out
    assert "train.lr, by validation with seed 0, among [0.01, 0.001]: full 0.01, none 0.001" in said
    assert experiment(project) == []


def test_a_row_with_a_rate_that_failed_is_not_measured_and_the_others_are(
    project: Path,
    validations: dict[tuple[str, float], float],
    capsys: pytest.CaptureFixture[str],
) -> None:
    validations |= {("full", 0.01): 80.0, ("full", 0.001): 70.0, ("none", 0.01): 60.0}
    failed = [o.task.point.row for o in experiment(project) if o.failure]
    assert failed == ["none"]
    said = capsys.readouterr().out
    assert "none -" in said
    assert "| none" in said
    assert "not measured" in said


def _record(project: Path, task: Task, records: PointRecords, *, validation: float) -> None:
    copy = project / "copy"
    (copy / "data/results").mkdir(parents=True, exist_ok=True)
    results = dict.fromkeys(("dataset", "backbone", "text", "protocol"), "x") | {
        "shot": 1,
        "way": 5,
        "query": 1,
        "episodes": 2,
        "hashes": {"episodes": "e"},
    }
    (copy / "data/results/evaluate.json").write_text(json.dumps(results))
    (copy / "data/train.json").write_text(json.dumps({"best_val_accuracy": validation}))
    (copy / "data/train_curves.csv").write_text("")
    episodes = {"shot": [1, 1], "episode": [0, 1], "accuracy": [validation, validation + 2]}
    pq.write_table(pa.table(episodes), copy / "data/results/episodes.parquet")
    records.keep(task.key, copy=copy, point=task.point, stage=task.stage)
