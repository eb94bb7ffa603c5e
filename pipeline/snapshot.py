"""The project as it is now, and copies of it to run experiments in.

A grid takes hours, and all its points must run the same code: so the files of the working tree are
noted once, as a git tree (committed or not; ignored ones are left out), and each copy is a clone
with these files. That also keeps `dvc exp run` away from the working tree itself: it stashes
uncommitted work while it starts, and a kill at that moment would leave it stashed.

Copies share with the project what is expensive: git's objects, DVC's cache, the state folder.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.preset import with_values
from spm.errors import InputError
from spm.yaml_file import read_yaml


@dataclass(frozen=True)
class Snapshot:
    root: Path
    head: str
    """The commit that the experiments belong to."""
    tree: str
    """The git tree of the files as they are."""

    def code(self) -> dict[str, str]:
        """Path -> git hash of every file that dvc.yaml names as a dep of what is measured."""
        listing = _git("ls-tree", "-r", "-z", self.tree, root=self.root)
        blobs = {}
        for entry in filter(None, listing.split("\0")):
            described, path = entry.split("\t", 1)
            blobs[path] = described.split()[2]
        deps = _deps(self.root / "dvc.yaml")
        return {
            path: blob
            for path, blob in blobs.items()
            if path in deps or any(path.startswith(f"{dep}/") for dep in deps)
        }


def take_snapshot(root: Path) -> Snapshot:
    """Raises InputError where `root` is no git repository with a commit."""
    try:
        head = _git("rev-parse", "--verify", "HEAD^{commit}", root=root)
    except subprocess.CalledProcessError:
        raise InputError(
            f"{root} has no git commit for experiments to start from: git init; git add -A; "
            "git commit"
        ) from None
    with tempfile.TemporaryDirectory() as folder:
        index = {**os.environ, "GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git("read-tree", head, root=root, env=index)
        _git("add", "--all", root=root, env=index)
        return Snapshot(root, head, _git("write-tree", root=root, env=index))


class WorkingCopy:
    """A clone with the snapshot's files, in which one experiment runs at a time."""

    def __init__(self, folder: Path, *, snapshot: Snapshot, cache: Path) -> None:
        """Creates `folder` anew. `cache` is DVC's, of the project."""
        self.folder, self._snapshot = folder, snapshot
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        clone = ["clone", "--quiet", "--shared", "--no-checkout", str(snapshot.root), str(folder)]
        _git(*clone, root=snapshot.root)
        self._configure(cache)

    def reset(self, overrides: dict[str, object]) -> None:
        """The snapshot's files, and its params.yaml with `overrides` set.

        What the last experiment has left in data stays, so that DVC need not bring it again.
        """
        _git("checkout", "--quiet", "--force", "--detach", self._snapshot.head, root=self.folder)
        _git("read-tree", "-u", "--reset", self._snapshot.tree, root=self.folder)
        params = self.folder / "params.yaml"
        params.write_text(with_values(params.read_text(), overrides))

    def bring(self, path: Path) -> None:
        """Links a file or folder of the project that git ignores, at its place in the copy."""
        place = self.folder / path
        if not path.is_absolute() and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(self._snapshot.root / path)

    def publish(self, name: str) -> None:
        """Makes the experiment `name` known to the project: `dvc exp show`, `dvc exp apply`."""
        head = self._snapshot.head
        ref = f"refs/exps/{head[:2]}/{head[2:]}/{name}"
        options = ["--quiet", "--no-write-fetch-head", "--no-auto-maintenance"]
        _git("fetch", *options, str(self.folder), f"+{ref}:{ref}", root=self._snapshot.root)

    def _configure(self, cache: Path) -> None:
        """DVC's local configuration is the project's, with the project's cache."""
        local = self._snapshot.root / ".dvc/config.local"
        _git("checkout", "--quiet", self._snapshot.head, "--", ".dvc", root=self.folder)
        if local.is_file():
            shutil.copy(local, self.folder / ".dvc/config.local")
        command = [*dvc_command(), "cache", "dir", "--local", "--quiet", str(cache)]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)


def dvc_command() -> list[str]:
    return [sys.executable, "-m", "dvc"]


def cache_folder(root: Path) -> Path:
    """DVC's cache of the project in `root`."""
    command = [*dvc_command(), "cache", "dir"]
    answer = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return Path(answer.stdout.strip())


def outs_of(stage: Mapping[str, Any]) -> list[str]:
    """Paths of what a stage of dvc.yaml writes; one with options is written {path: options}."""
    outs = [*stage.get("outs", []), *stage.get("metrics", [])]
    return [next(iter(out)) if isinstance(out, dict) else out for out in outs]


def _deps(dvc_yaml: Path) -> set[str]:
    """Deps of `evaluate` and of all stages that it needs, less what stages write."""
    stages = read_yaml(dvc_yaml)["stages"]
    writer = {out: name for name in stages for out in outs_of(stages[name])}
    found: set[str] = set()
    waiting, seen = ["evaluate"], set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        deps = stages[name].get("deps", [])
        found |= {dep for dep in deps if dep not in writer}
        waiting += [writer[dep] for dep in deps if dep in writer and writer[dep] not in seen]
    return found


def _git(*arguments: str, root: Path, env: dict[str, str] | None = None) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=root, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()
