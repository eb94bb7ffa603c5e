"""Measures `dvc repro` with no stage to rerun, on a data set of many small files."""

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench.simulated import write_small_files
from pipeline.grids.snapshot import WorkingCopy, outs_of, take_snapshot
from pipeline.machine.git_and_dvc import dvc_command
from spm.base.yaml_file import read_yaml

ROOT = Path(__file__).parent.parent
_REPEATS = 3


class Seconds(NamedTuple):
    wall: float
    cpu: float
    """CPU seconds of all processes, which do not depend on the load of the machine."""


def idle_repro(folder: Path, *, num_files: int) -> Seconds:
    """The median of three runs, in a copy of the project made below `folder`.

    The outs of the stages after `manifest` are placeholders, since no stage reads them.
    """
    write_small_files(folder / "sets/many", num_files=num_files, num_classes=100)
    project = _project(folder)
    runs = [_idle_run(project) for _ in range(_REPEATS)]
    return Seconds(*(statistics.median(times) for times in zip(*runs, strict=True)))


def _project(folder: Path) -> Path:
    copy = WorkingCopy(folder / "copy", snapshot=take_snapshot(ROOT), cache=folder / "cache")
    copy.reset(
        {
            "dataset.name": "many",
            "dataset.split": {"seed": 0, "train": 60, "val": 15, "test": 25},
            "runtime.root": str(folder / "sets"),
            "runtime.tracking": False,
        }
    )
    (copy.folder / "data/built_in").mkdir(parents=True)
    for stage in ("inventory", "manifest"):
        _run([sys.executable, "-m", f"stages.{stage}"], project=copy.folder)
    for stage in read_yaml(copy.folder / "dvc.yaml")["stages"].values():
        for out in outs_of(stage):
            _stand_in(copy.folder / out)
    _run([*dvc_command(), "commit", "--quiet", "--force"], project=copy.folder)
    return copy.folder


def _stand_in(path: Path) -> None:
    if not path.exists():
        (path.parent if path.suffix else path).mkdir(parents=True, exist_ok=True)
        (path if path.suffix else path / "file").write_text("stands in", encoding="utf-8")


def _idle_run(project: Path) -> Seconds:
    before, started = _cpu_of_children(), time.perf_counter()
    output = _run([*dvc_command(), "repro"], project=project)
    seconds = Seconds(time.perf_counter() - started, _cpu_of_children() - before)
    ran = [line for line in output.splitlines() if line.startswith("Running stage")]
    assert ran == ["Running stage 'inventory':"], f"there was something to do: {ran}"
    return seconds


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(command: list[str], *, project: Path) -> str:
    changed: dict[str, Any] = {"CLIP_SPM_STATE": str(project / ".state"), "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        command, cwd=project, env=os.environ | changed, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
