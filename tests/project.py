"""A clean copy of the project in a folder of its own, with small parameters, to run DVC in."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bench.small_project import SMALL, environment
from tests.import_closure import ROOT

OWN_CLIPS = {
    "dataset.name": "mine",
    "dataset.split": {"seed": 0, "train": 3, "val": 2, "test": 2},
    "frames.num_segments": 4,
    "frames.num_shards": 2,
    "episode.way": 2,
    "episode.query": 2,
    "train.episodes": 4,
    "train.validate_every": 2,
    "train.validate_query": 2,
    "evaluate.query": 2,
    "evaluate.episodes": 10,
    "runtime.tracking": False,
}
"""Of a data set of the user's: seven classes with four clips each are enough."""


class Project:
    """Files that git tracks, as they are in the working tree; git and DVC set up; SMALL."""

    def __init__(self, folder: Path, *, parameters: dict[str, Any] | None = None) -> None:
        self.folder = folder
        tracked = _run(["git", "ls-files"], cwd=ROOT).stdout.split()
        for name in tracked:
            if (ROOT / name).is_file() and name != "dvc.lock":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        _run(["git", "init", "-q"], cwd=folder)
        self.change(SMALL | (parameters or {}))
        self.commit("start")

    def commit(self, message: str) -> None:
        _run(["git", "add", "-A"], cwd=self.folder)
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        _run(["git", *identity, "commit", "-q", "-m", message], cwd=self.folder)

    def clone(self, folder: Path) -> "Project":
        """What another user gets from git."""
        _run(["git", "clone", "-q", str(self.folder), str(folder)], cwd=self.folder)
        other = Project.__new__(Project)
        other.folder = folder
        return other

    def change(self, parameters: dict[str, Any]) -> None:
        """Sets dotted names in params.yaml."""
        yaml = YAML()
        path = self.folder / "params.yaml"
        document = yaml.load(path)
        for name, value in parameters.items():
            *parents, last = name.split(".")
            section = document
            for parent in parents:
                section = section[parent]
            section[last] = value
        yaml.dump(document, path)

    def dvc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs DVC; its output is in `stdout`, both streams."""
        return _run(_dvc(arguments), cwd=self.folder, env=self.environment(), check=check)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts DVC, in a process group of its own."""
        return subprocess.Popen(
            _dvc(arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def lock(self) -> dict[str, Any]:
        """The stages of dvc.lock."""
        stages: dict[str, Any] = YAML(typ="safe").load(self.folder / "dvc.lock")["stages"]
        return stages

    def out_hashes(self) -> dict[str, str]:
        """Path -> hash of every out in dvc.lock."""
        return {out["path"]: out["md5"] for stage in self.lock().values() for out in stage["outs"]}

    def environment(self) -> dict[str, str]:
        return environment()


def stages_run(output: str) -> list[str]:
    """The stages that `dvc repro` ran, in order."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage '")]
    return [line.split("'")[1] for line in lines]


def wait_until(condition: Callable[[], bool], *, seconds: float = 120) -> None:
    import time

    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def _dvc(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "dvc", *arguments]


def _run(
    command: list[str], *, cwd: Path, env: dict[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=cwd, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert not check or done.returncode == 0, done.stdout[-4000:]
    return done
