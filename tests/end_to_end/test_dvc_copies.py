"""Experiments in copies that DVC or a grid makes of a project: its state is theirs as well.

The project is a sub-folder of a larger git repository. The tests go in order.
"""

import shutil
import subprocess
import sys

import pytest

from spm.motion.classes import CLASSES
from spm.motion.mp4 import write_mp4
from spm.motion.render import render_clip
from tests.project import OWN_CLIPS, Project, wait_until

pytestmark = pytest.mark.slow

GRID = "{title: One, seeds: [0], rows: {full: {set: {train.lr: 0.003}}}}"
STAGES = ("clips", "manifest", "frames", "prompts", "train", "evaluate", "report")
TRACKED = {"runtime.tracking": True, "runtime.tracking_uri": "sqlite:///.state/runs.db"}
"""A relative path, ignored by git: DVC puts files that git could take away and back again."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    project = Project(home / "papers/clip-spm", parameters=OWN_CLIPS | TRACKED)
    (project.folder / "grid.yaml").write_text(GRID)
    (project.folder / ".git").rename(home / ".git")
    (home / "notes.txt").write_text("beside the project")
    project.commit("into the larger repository")
    for name in CLASSES[:7]:
        folder = project.folder / "data/raw/mine" / name
        folder.mkdir(parents=True)
        for number in range(4):
            frames = render_clip(name, seed=0, number=number)
            write_mp4(frames, folder / f"{number}.mp4", frames_per_second=12)
    return project


def runs(project) -> list[str]:
    """The stages that MLflow knows a finished run of, in the project's database."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.folder}/.state/runs.db")
    found = client.search_runs([each.experiment_id for each in client.search_experiments()])
    return sorted(run.data.tags.get("dvc.stage", "grid") for run in found)


def state(project, pattern: str) -> set[str]:
    return {path.name for path in (project.folder / ".state").glob(pattern)}


def test_a_temporary_experiment_leaves_its_state_in_the_project(project):
    output = project.dvc("exp", "run", "--temp", "--name", "first").stdout
    assert "Ran experiment(s): first" in output
    assert runs(project) == sorted(STAGES)
    assert len(state(project, "shards/*.h5")) == 2
    assert len(state(project, "checkpoints/*")) == 1


def test_a_queued_experiment_goes_on_from_it(project):
    """With the first one's model, in a folder that git ignores."""
    shards = state(project, "shards/*.h5")
    project.dvc("exp", "apply", "first")
    start = project.folder / "models/start"
    shutil.copytree(project.folder / "data/model", start)
    options = ("-S", "train.lr=0.002", "-S", "model.init_from=models/start")
    project.dvc("exp", "run", "--queue", "--name", "second", *options)
    project.dvc("queue", "start")
    wait_until(lambda: "Success" in project.dvc("queue", "status").stdout, seconds=900)
    assert runs(project).count("train") == 2, project.dvc("queue", "logs", "second").stdout
    assert state(project, "shards/*.h5") == shards
    assert len(state(project, "checkpoints/*")) == 2
    assert (start / "model.safetensors").is_file()


def test_a_grid_runs_in_a_sub_folder(project):
    command = [sys.executable, "-m", "pipeline.experiments", "grid.yaml"]
    done = subprocess.run(
        command, cwd=project.folder, env=project.environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "full, seed 0: done" in done.stdout
    assert runs(project).count("grid") == 1
    assert runs(project).count("train") == 3
    names = project.dvc("exp", "list", "--name-only").stdout.split()
    assert {"first", "second"} < set(names)
    assert len(names) == 3
