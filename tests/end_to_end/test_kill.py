"""Decoding and training killed at any point, through DVC: they go on, to the same result."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.project import Project, wait_until

pytestmark = pytest.mark.slow

EPISODES = 60
TRAIN = ("repro", "-f", "-s", "train")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Trained once without interruption; its model's hash is what every killed run must reach."""
    parameters = {"train.episodes": EPISODES, "runtime.tracking": False}
    project = Project(tmp_path_factory.mktemp("project"), parameters=parameters)
    project.dvc("repro", "train")
    project.whole = project.out_hashes()["data/model"]
    return project


@pytest.fixture
def training(project):
    """A training from scratch, under way, with some checkpoints behind it."""
    shutil.rmtree(project.folder / ".state/checkpoints")
    dvc = project.start(*TRAIN)
    seen: set[int] = set()
    wait_until(lambda: len(_note_checkpoint(project, seen)) >= 5)
    yield dvc
    if dvc.poll() is None:
        os.killpg(dvc.pid, signal.SIGKILL)
        dvc.wait()


def _note_checkpoint(project, seen: set[int]) -> set[int]:
    """Adds the time of the checkpoint that is there now: each one replaces the last."""
    for path in (project.folder / ".state/checkpoints").glob("*/state.pt"):
        seen.add(path.stat().st_mtime_ns)
    return seen


def _trainer(project) -> int:
    (lock,) = (project.folder / ".state/checkpoints").glob("*/lock")
    return int(lock.read_text())


def _assert_goes_on_to_the_same_weights(project) -> None:
    output = project.dvc(*TRAIN).stdout
    after = int(re.search(r"goes on after (\d+) episodes", output).group(1))
    assert 0 < after < EPISODES
    assert project.out_hashes()["data/model"] == project.whole


def test_the_stage_is_killed(project, training):
    os.kill(_trainer(project), signal.SIGKILL)
    assert training.wait(60) != 0
    _assert_goes_on_to_the_same_weights(project)


def test_both_are_killed(project, training):
    """What goes on later is no garbage, and what DVC has recorded is."""
    os.killpg(training.pid, signal.SIGKILL)
    training.wait()
    assert "dvc repro goes on with it" in _collect_garbage_days_later(project)
    _assert_goes_on_to_the_same_weights(project)
    assert "1 × checkpoint" in _collect_garbage_days_later(project)
    assert not list((project.folder / ".state/checkpoints").iterdir())


def _collect_garbage_days_later(project) -> str:
    (checkpoint,) = (project.folder / ".state/checkpoints").glob("*/state.pt")
    os.utime(checkpoint, (time.time() - 200_000,) * 2)
    command = [sys.executable, "-m", "stages.commands.gc"]
    return subprocess.run(
        command,
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ).stdout


def test_dvc_is_killed_and_its_trainer_lives(project, training):
    trainer = _trainer(project)
    os.kill(training.pid, signal.SIGKILL)
    training.wait()
    os.kill(trainer, signal.SIGSTOP)  # it is still there, and stays so until DVC has started
    refused = project.dvc(*TRAIN, check=False)
    assert refused.returncode != 0
    assert f"already runs, in process {trainer}" in refused.stdout
    os.kill(trainer, signal.SIGKILL)
    _assert_goes_on_to_the_same_weights(project)


def test_decoding_is_killed(tmp_path):
    """What was finished is not decoded again."""
    parameters = {"frames.num_shards": 24, "runtime.tracking": False}
    project, store = Project(tmp_path, parameters=parameters), tmp_path / ".state/shards"
    project.dvc("repro", "manifest")
    dvc = project.start("repro", "frames")
    wait_until(lambda: len(list(store.glob("*.h5"))) >= 5)
    os.killpg(dvc.pid, signal.SIGKILL)
    dvc.wait()
    finished = len(list(store.glob("*.h5")))
    output = project.dvc("repro", "frames").stdout
    decoded = int(re.search(r"frames: (\d+) shards decoded", output).group(1))
    assert 0 < decoded == 24 - finished
