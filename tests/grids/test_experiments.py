"""The real flow on a small project: run, rerun, edited, failing, killed. The tests go in order."""

import os
import re
import signal
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from spm.base.hashing import value_hash
from tests.project import Project, wait_until

pytestmark = pytest.mark.slow

GRID = """
title: A small grid
baseline: full
seeds: [0]
common: {evaluate.episodes: 30}
rows:
  full: {}
  none: {set: {model.hsmr: false, model.spm: false, model.padm: false}}
"""
SPM = "  SPM: {set: {model.hsmr: false, model.padm: false}}\n"
IMPOSSIBLE = "  impossible: {baseline: impossible, set: {episode.way: 100}}\n"
LONG = "  long: {set: {train.episodes: 60}}\n"
NAME = f"small-{value_hash('small.yaml')[:6]}"
RUNNING = re.compile(r"\] (\w+), seed 0: started")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """With work that is not committed, which a grid has to carry along and to leave alone."""
    project = Project(tmp_path_factory.mktemp("project"))
    with open(project.folder / "README.md", "a") as file:
        file.write("not committed\n")
    return project


def start(project: Project) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.experiments", "small.yaml"],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(project: Project, grid: str, *, status: int = 0) -> str:
    (project.folder / "small.yaml").write_text(grid)
    process = start(project)
    output = process.communicate(timeout=900)[0]
    assert process.returncode == status, output
    return output


def git_status(project: Project) -> str:
    command = ["git", "status", "--porcelain", "--", "README.md", "params.yaml", "dvc.lock"]
    return subprocess.run(command, cwd=project.folder, capture_output=True, text=True).stdout


def test_all_points_run_and_the_table_is_written(project):
    status = git_status(project)
    output = run(project, GRID)
    assert "2 points, 2 to run" in output
    assert sorted(RUNNING.findall(output)) == ["full", "none"]
    rows = pq.read_table(project.folder / "data/experiments" / NAME / "table.parquet").to_pylist()
    assert [row["row"] for row in rows] == ["full", "none"]
    assert rows[1]["difference"] == pytest.approx(rows[1]["accuracy"] - rows[0]["accuracy"])
    assert (project.folder / "data/experiments" / NAME / "table.png").is_file()
    page = (project.folder / "data/experiments" / NAME / "table.md").read_text()
    assert page in output
    assert "30 test episodes" in page
    assert git_status(project) == status == " M README.md\n"
    assert not (project.folder / ".state/experiments/copies").exists()


def test_one_mlflow_run_holds_the_points(project):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.folder}/.state/mlflow.db")
    (experiment,) = [each for each in client.search_experiments() if each.name == "motion"]
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [each for each in runs if each.data.tags.get("grid") == NAME]
    assert parent.info.status == "FINISHED"
    assert "A small grid" in parent.data.tags["mlflow.note.content"]
    assert "table.png" in [each.path for each in client.list_artifacts(parent.info.run_id)]
    children = [
        each for each in runs if each.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    ]
    evaluated = [each for each in children if each.data.tags["dvc.stage"] == "evaluate"]
    assert sorted(each.data.params["model.padm"] for each in evaluated) == ["false", "true"]
    assert len(children) == len(runs) - 1


def test_dvc_knows_the_experiments(project):
    names = project.dvc("exp", "list", "--name-only").stdout.split()
    assert sorted(name.rsplit("-", 1)[0] for name in names) == [
        f"{NAME}-full-s0",
        f"{NAME}-none-s0",
    ]


def test_nothing_runs_again_and_how_it_runs_is_no_reason(project):
    project.change({"runtime.tracking": False})
    assert "2 points, 0 to run" in run(project, GRID)


def test_only_new_points_run_and_one_that_fails_stops_no_other(project):
    output = run(project, GRID + IMPOSSIBLE + SPM, status=1)
    assert "4 points, 2 to run" in output
    assert sorted(RUNNING.findall(output)) == ["SPM", "impossible"]
    assert "impossible, seed 0: the train split has 30 classes" in output
    assert "1 points are missing" in output
    rows = pq.read_table(project.folder / "data/experiments" / NAME / "table.parquet").to_pylist()
    assert [row["accuracy"] is None for row in rows] == [False, False, True, False]


def test_killed_it_leaves_nothing_running_and_goes_on(project):
    (project.folder / "small.yaml").write_text(GRID + LONG + IMPOSSIBLE)
    before = set((project.folder / ".state/checkpoints").iterdir())
    process = start(project)
    saved: set[int] = set()
    wait_until(lambda: len(_note_checkpoint(project, saved, before)) >= 5, seconds=300)
    (training,) = set((project.folder / ".state/checkpoints").iterdir()) - before
    trainer = int((training / "lock").read_text())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not _lives(trainer), seconds=30)
    output = run(project, GRID + LONG + IMPOSSIBLE, status=1)
    assert sorted(RUNNING.findall(output)) == ["impossible", "long"]
    (path,) = (project.folder / ".state/experiments/logs" / NAME).glob("*-long-s0-*.log")
    log = path.read_text()
    assert log.count("exp run") == 2
    assert 0 < int(re.search(r"goes on after (\d+) episodes", log).group(1)) < 60


def _note_checkpoint(project: Project, saved: set[int], before: set[object]) -> set[int]:
    """Adds the time of the new training's checkpoint as it is now: each replaces the last."""
    for folder in (project.folder / ".state/checkpoints").iterdir():
        if folder not in before and (folder / "state.pt").is_file():
            saved.add((folder / "state.pt").stat().st_mtime_ns)
    return saved


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
