"""The MLflow run of a grid, in a real store: one however often, and the stages' runs below it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spm.config.episode import EpisodeConfig
from stages.shared import paths
from stages.tracking import runs as tracking
from stages.tracking.killed_runs import process_tag
from tests.import_closure import ROOT
from tests.manifests import runtime_values

PARAMS = """
dataset: {name: mine, split: lists.yaml, class_texts: {}}
runtime: """


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_database: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIP_SPM_STATE", str(tmp_path / "state"))
    shutil.copy(mlflow_database, paths.state_dir())
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    Path("params.yaml").write_text(PARAMS + json.dumps(runtime_values(tracking=True)))
    return tmp_path


def grid_run(*options: str) -> str:
    command = [sys.executable, "-m", "stages.commands.grid_run", "components", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def client() -> Any:
    import mlflow

    return mlflow.MlflowClient(f"sqlite:///{paths.state_dir() / 'mlflow.db'}")


@pytest.mark.slow
def test_a_grid_has_one_run_and_its_points_stand_below_it(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = grid_run("--title", "Table 3")
    opened = client().get_run(parent)
    assert opened.info.status == "RUNNING"
    assert opened.data.tags["grid"] == "components"
    assert process_tag(os.getpid()).items() <= opened.data.tags.items()

    monkeypatch.setenv("CLIP_SPM_PARENT_RUN", parent)
    episode = EpisodeConfig(way=5, shot=1, query=4)
    with tracking.stage_run("train", params={"episode": episode}) as run:
        pass
    assert client().get_run(run.run_id).data.tags["mlflow.parentRunId"] == parent

    (workspace / "tables").mkdir()
    (workspace / "tables/table.md").write_text("| full |")
    grid_run("--table", "tables")
    ended = client().get_run(parent)
    assert ended.info.status == "FINISHED"
    assert ended.data.tags["mlflow.note.content"] == "| full |"
    assert [each.path for each in client().list_artifacts(parent)] == ["table.md"]

    assert grid_run("--title", "Table 3") == parent
    assert client().get_run(parent).info.status == "RUNNING"


def test_a_run_outside_a_grid_has_no_parent(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (None, ""):
        if value is None:
            monkeypatch.delenv("CLIP_SPM_PARENT_RUN", raising=False)
        else:
            monkeypatch.setenv("CLIP_SPM_PARENT_RUN", value)
        with tracking.stage_run("train", params={}) as run:
            pass
        assert "mlflow.parentRunId" not in client().get_run(run.run_id).data.tags


def test_without_tracking_there_is_none(workspace: Path) -> None:
    Path("params.yaml").write_text(PARAMS + json.dumps(runtime_values()))
    (workspace / "state/mlflow.db").unlink()
    assert grid_run("--title", "Table 3") == ""
    assert not (workspace / "state/mlflow.db").exists()
