"""A small project in a folder of its own, whose whole pipeline runs in a minute."""

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.grids.snapshot import WorkingCopy, outs_of, take_snapshot
from pipeline.machine.git_and_dvc import dvc_command
from pipeline.presets.yaml_text import with_values
from spm.base.yaml_file import read_yaml

ROOT = Path(__file__).parent.parent

SMALL = {
    "dataset.generator.clips_per_class": 3,
    "frames.num_shards": 4,
    "prompts.num_templates": 2,
    "episode.query": 1,
    "train.episodes": 12,
    "train.validate_every": 6,
    "train.validate_episodes": 4,
    "train.validate_query": 1,
    "evaluate.query": 1,
    "evaluate.episodes": 20,
    "evaluate.batch": 10,
    "report.queries": 1,
    "runtime.checkpoint_seconds": 0,
}
"""Small parameters for `motion`."""


class SmallProject:
    """A folder with the project's files and small parameters, a state folder and a DVC cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path) -> "SmallProject":
        """Makes the project in a new folder, from the files of the working tree; runs nothing."""
        copy = WorkingCopy(folder, snapshot=take_snapshot(ROOT), cache=folder / ".dvc/cache")
        copy.reset(SMALL | {"runtime.tracking": False})
        (copy.folder / "dvc.lock").unlink()
        (copy.folder / ".dvc/config.local").unlink()  # DVC's default cache, inside the folder
        return cls(copy.folder)

    def copy(self, folder: Path, *, ran: bool, parameters: dict[str, Any]) -> "SmallProject":
        """A copy; with outs and dvc.lock if `ran`; without the state folder and DVC's cache."""
        left_out = [".state", ".site", "cache"] + ([] if ran else ["dvc.lock"])
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns(*left_out))
        other = SmallProject(folder)
        if not ran:
            other.remove(*other.outs())
        params = folder / "params.yaml"
        text = with_values(params.read_text(encoding="utf-8"), parameters)
        params.write_text(text, encoding="utf-8")
        return other

    def repro(self) -> None:
        """Runs `dvc repro`. Raises an error if it fails."""
        done = subprocess.run(
            [*dvc_command(), "repro"],
            cwd=self.folder,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout

    def outs(self, stage: str | None = None) -> list[Path]:
        """The paths of the outs of `stage`; None: of all stages."""
        stages = read_yaml(self.folder / "dvc.yaml")["stages"]
        chosen = stages if stage is None else [stage]
        return [self.folder / out for name in chosen for out in outs_of(stages[name])]

    @staticmethod
    def remove(*paths: Path) -> None:
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def hashes(self, stage: str | None = None) -> dict[str, str]:
        """Path -> hash of every file in the outs of `stage`; None: of all stages."""
        found = {}
        for path in [file for out in self.outs(stage) for file in (out, *out.rglob("*"))]:
            # A running process may remove the file.
            with suppress(FileNotFoundError, IsADirectoryError):
                content = hashlib.sha256(path.read_bytes())
                found[path.relative_to(self.folder).as_posix()] = content.hexdigest()
        return found

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of the project's processes, with a site cache of its own for DVC."""
        return environment() | {"DVC_SITE_CACHE_DIR": str(self.folder / ".site")} | more


def environment() -> dict[str, str]:
    """This process's environment without variables that point outside the project; one thread."""
    leads_out = ("CLIP_SPM", "MLFLOW", "DVC", "PREFECT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(leads_out)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"PATH": path, "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}
