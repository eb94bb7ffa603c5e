"""The project as it is now, and copies of it to run experiments in.

A grid takes hours, and all its points must run the same code: so the files of the working tree are
noted once, as a git tree (committed or not; ignored ones are left out), and each copy is a git
repository with these files. The copies also keep `dvc exp run` away from the working tree: DVC
stashes uncommitted work while it starts, and a kill at that moment would leave the work stashed.

Copies share the large parts with the project: git's objects, DVC's cache, the state folder. The
project may be a sub-folder of its repository: then a copy has the whole repository.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

from pipeline.machine.git_and_dvc import dvc, git, repository
from pipeline.presets.yaml_text import with_values
from spm.base.errors import InputError
from spm.base.yaml_file import read_yaml

_SUBMODULE = "160000"


@dataclass(frozen=True)
class Snapshot:
    root: Path
    """The project's folder."""
    prefix: str
    """The project's path in its git repository; "" where it is the repository."""
    head: str
    """The commit that the experiments belong to."""
    tree: str
    """The git tree of the repository's files, committed or not."""

    def code(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """Path -> git hash of every file that `evaluate` or a stage before it has as a dep.

        A dep of dvc.yaml with a parameter, as spm/methods/${model.method}, has the value in
        `parameters`. Raises InputError for a dep in a submodule, whose files are in another
        repository.
        """
        deps = {_resolved(dep, parameters) for dep in _deps(self.root / "dvc.yaml")}
        found = {}
        for path, (mode, blob) in _listing(self.root, self.tree).items():
            if mode == _SUBMODULE and any(_overlap(path, dep) for dep in deps):
                raise InputError(
                    f"{path} is a submodule, or a git repository of its own, and experiments "
                    "cannot carry its files along: commit them in the project's repository"
                )
            if any(path == dep or path.startswith(f"{dep}/") for dep in deps):
                found[path] = blob
        return found


def take_snapshot(root: Path) -> Snapshot:
    """The snapshot of `root` now. Raises InputError if no git commit holds the project."""
    head, prefix = _head(root), git("rev-parse", "--show-prefix", folder=root)
    with tempfile.TemporaryDirectory() as folder:
        index = {**os.environ, "GIT_INDEX_FILE": str(Path(folder) / "index")}
        git("read-tree", head, folder=root, environment=index)
        git("add", "--all", "--", ".", folder=root, environment=index)
        tree = git("write-tree", folder=root, environment=index)
    return Snapshot(root, prefix, head, tree)


class WorkingCopy:
    """A repository with the snapshot's files, in which one experiment runs at a time."""

    def __init__(self, place: Path, *, snapshot: Snapshot, cache: Path) -> None:
        """Creates `place` anew. `cache` is the project's DVC cache."""
        self.folder = place / snapshot.prefix
        """The project's folder in the copy."""
        self._place, self._snapshot = place, snapshot
        if place.exists():
            shutil.rmtree(place)
        place.mkdir(parents=True)
        git("init", "--quiet", folder=place)
        self._share_objects()
        self._checkout()
        self._configure(cache)

    def reset(self, overrides: dict[str, object]) -> None:
        """Restores the snapshot's files, with `overrides` set in params.yaml.

        The last experiment's files in data stay, so that DVC need not bring them again.
        """
        self._checkout()
        params = self.folder / "params.yaml"
        text = with_values(params.read_text(encoding="utf-8"), overrides)
        params.write_text(text, encoding="utf-8")

    def publish(self, name: str) -> None:
        """Makes the experiment `name` known to the project: `dvc exp show`, `dvc exp apply`."""
        head = self._snapshot.head
        ref = f"refs/exps/{head[:2]}/{head[2:]}/{name}"
        options = ["--quiet", "--no-write-fetch-head", "--no-auto-maintenance"]
        git("fetch", *options, str(self._place), f"+{ref}:{ref}", folder=self._snapshot.root)

    def _share_objects(self) -> None:
        """Shares git's objects. `git clone --shared` of a shallow repository lacks uncommitted
        files."""
        for name, place in (("objects", "objects/info/alternates"), ("shallow", "shallow")):
            theirs = Path(git("rev-parse", "--git-path", name, folder=self._snapshot.root))
            theirs = self._snapshot.root / theirs
            if theirs.is_dir():
                (self._place / ".git" / place).write_text(f"{theirs}\n", encoding="utf-8")
            elif theirs.is_file():
                shutil.copy(theirs, self._place / ".git" / place)

    def _checkout(self) -> None:
        head, tree = self._snapshot.head, self._snapshot.tree
        git("checkout", "--quiet", "--force", "--detach", head, folder=self._place)
        git("read-tree", "-u", "--reset", tree, folder=self._place)

    def _configure(self, cache: Path) -> None:
        """Copies the project's local configuration of DVC, and sets the project's cache."""
        local = self._snapshot.root / ".dvc/config.local"
        if local.is_file():
            shutil.copy(local, self.folder / ".dvc/config.local")
        dvc("cache", "dir", "--local", "--quiet", str(cache), folder=self.folder)


def outs_of(stage: Mapping[str, Any]) -> list[str]:
    """Paths that a stage of dvc.yaml writes; a path with options is written {path: options}."""
    outs = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return [next(iter(out)) if isinstance(out, dict) else out for out in outs]


def _deps(dvc_yaml: Path) -> set[str]:
    """Deps of `evaluate` and of all stages that it needs, without the paths that stages write."""
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


def _resolved(dep: str, parameters: Mapping[str, Any]) -> str:
    def value(name: re.Match[str]) -> str:
        return str(reduce(getitem, name[1].split("."), parameters))

    return re.sub(r"\$\{(.+?)\}", value, dep)


def _head(root: Path) -> str:
    """The commit that is checked out. Raises InputError if there is none with the project."""
    if repository(root) is None:
        raise _no_commit(root, start="git init; ")
    git("rev-parse", "--git-dir", folder=root)  # git's error on, say, another user's repository
    try:
        head = git("rev-parse", "--verify", "HEAD^{commit}", folder=root)
    except InputError:
        raise _no_commit(root) from None
    if not git("ls-tree", head, "--", "dvc.yaml", folder=root):
        raise _no_commit(root)
    return head


def _no_commit(root: Path, *, start: str = "") -> InputError:
    return InputError(
        f"{root} is in no git commit that experiments could start from: {start}git add -A; "
        "git commit"
    )


def _overlap(one: str, other: str) -> bool:
    """Whether two paths are equal, or one of them lies below the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _listing(root: Path, tree: str) -> dict[str, tuple[str, str]]:
    """Path, from `root` -> mode and hash of every file of the project in a git tree."""
    entries = filter(None, git("ls-tree", "-r", "-z", tree, folder=root).split("\0"))
    described = [entry.split("\t", 1) for entry in entries]
    return {path: (about.split()[0], about.split()[2]) for about, path in described}
