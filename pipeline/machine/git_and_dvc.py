"""Running git and DVC. If one of them fails, its own message becomes one error."""

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from spm.base.errors import InputError


def git(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """The output of git, run in `folder`. Raises InputError if git fails."""
    return _ask("git", ["git", *arguments], folder=folder, environment=environment)


def repository(folder: Path) -> Path | None:
    """The git repository that holds `folder`; None if there is none. Runs no git command."""
    holders = (each for each in (folder, *folder.parents) if (each / ".git").exists())
    return next(holders, None)


def dvc(*arguments: str, folder: Path) -> str:
    """The output of DVC, run in `folder`. Raises InputError if DVC fails."""
    return _ask("dvc", [*dvc_command(), *arguments], folder=folder)


def cache_folder(root: Path) -> Path:
    """DVC's cache of the project in `root`."""
    return Path(dvc("cache", "dir", folder=root))


def cache_name(path: Path) -> str:
    """The path, below DVC's cache folder, of a file with the contents of `path`."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "md5").hexdigest()
    return f"files/md5/{digest[:2]}/{digest[2:]}"


def dvc_command() -> list[str]:
    return [sys.executable, "-m", "dvc"]


def _ask(
    name: str, command: list[str], *, folder: Path, environment: Mapping[str, str] | None = None
) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
        )
    except OSError as error:
        raise InputError(f"{name} cannot be run in {folder}: {error}") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).removeprefix("fatal: ")
        said = said or f"no word, exit status {done.returncode}"
        raise InputError(f"{name} in {folder} says: {said}")
    return done.stdout.strip()
