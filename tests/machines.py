"""Machines that something is wrong with: small and closed disks, odd locales, users without a name.

`told(case)` is the sentence that docs/reliability.md promises for a case: the tests look for it in
what was printed.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.import_closure import ROOT

TABLE = ROOT / "docs/reliability.md"
_HEADING = "## Environments"


@contextmanager
def disk(folder: Path, *, options: str) -> Iterator[Path]:
    """A disk of its own at `folder`, in memory: `size=300k`, `ro`. Skips where that needs root."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting a disk needs root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """In the block, this process may not write to `folder`; root becomes somebody else."""
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


def latin1(folder: Path) -> dict[str, str]:
    """Environment of a true Latin-1 locale, made in `folder`. Skips where the system makes none."""
    folder.mkdir()
    name = "de_DE.ISO-8859-1"
    command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / name)]
    try:
        subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no localedef")
    if not (folder / name).is_dir():
        pytest.skip("this system has no sources of locales")
    return {"LOCPATH": str(folder), "LC_ALL": name}


def python(*arguments: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs this project's Python in `folder`; both streams are in `stdout`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy")
        and not name.startswith(("CLIP_SPM", "MLFLOW", "PREFECT", "LC_", "LANG", "PYTHON"))
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="backslashreplace",
    )


def rows() -> list[list[str]]:
    """Of the tables of environments: case, what is printed, the test."""
    section = TABLE.read_text(encoding="utf-8").split(f"{_HEADING}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in ("case", "---")]


def told(case: str) -> "re.Pattern[str]":
    """What docs/reliability.md says is printed in `case`; … stands for anything in a line."""
    (sentence,) = [said for name, said, _ in rows() if name == case]
    lines = sentence.strip("`").replace("`<br>`", "\n")
    parts = [re.escape(part) for part in lines.split("…")]
    return re.compile(".*".join(parts))
