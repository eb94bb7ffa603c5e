"""Runs the missing points of a grid, and tabulates it: the work of `clip-spm experiments`."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.grids.grid import Grid, Point, candidates_of, load_grid, points_of, slug
from pipeline.grids.grid_run import Outcome, Runner, Task, child_environment, interrupts, run_all
from pipeline.grids.grid_table import Results, markdown, summarize, table
from pipeline.grids.outside_files import OutsideFiles
from pipeline.grids.point_records import PointRecords, Stage, point_key
from pipeline.grids.snapshot import Snapshot, WorkingCopy, take_snapshot
from pipeline.machine.git_and_dvc import cache_folder
from pipeline.machine.places import state_folder
from spm.base.atomic import atomic_path
from spm.base.errors import InputError
from spm.base.lock import locked
from spm.base.unwritable import make_writable
from spm.base.yaml_file import read_yaml

_TABLES = Path("data/experiments")
_RUNS_ALREADY = "a grid (or make gc) runs already, in process {process}: wait for it or end it"


def run_grid(name: str, *, root: Path, jobs: int | None) -> list[Outcome]:
    """Runs `experiment` for the project in `root`; one grid at a time in a state folder.

    Raises InputError if another grid runs.
    """
    state = make_writable(state_folder(root=root), named_by="CLIP_SPM_STATE")
    with locked(state / "experiments", message=_RUNS_ALREADY):
        return experiment(name, root=root, state=state, jobs=jobs)


def experiment(name: str, *, root: Path, state: Path, jobs: int | None) -> list[Outcome]:
    """Runs the points of the grid that are missing, `jobs` at a time; writes and prints the table.

    `jobs` None: as many as runtime.workers; 0: none, the table alone. Raises InputError for an
    error in the grid, before any point runs.
    """
    document = read_yaml(root / "params.yaml")
    grid, snapshot = load_grid(name, document=document), take_snapshot(root)
    jobs = document["runtime"]["workers"] if jobs is None else jobs
    measuring = _Measuring(grid, snapshot=snapshot, root=root, state=state, jobs=jobs)
    chosen: dict[str, Any] = {}
    if candidates := candidates_of(grid, document=document):
        points = [point for values in candidates.values() for point in values.values()]
        measuring.run(points, what=f"{grid.title}, choosing by validation", stage="train")
        chosen = {
            row: best
            for row, values in candidates.items()
            if (best := measuring.best(values)) is not None
        }
    points = points_of(grid, document=document, chosen=chosen)
    measuring.run(points, what=grid.title)
    folder = root / _TABLES / grid.name
    _write_table(grid, measuring.results(points), chosen=chosen, folder=folder)
    _report(measuring.outcomes, name=name)
    if measuring.outcomes:
        _log_table(grid, folder, root=root, state=state)
    return measuring.outcomes


class _Measuring:
    """Runs points of a grid, and finds their records."""

    def __init__(self, grid: Grid, *, snapshot: Snapshot, root: Path, state: Path, jobs: int):
        self._grid, self._snapshot, self._state, self._jobs = grid, snapshot, state, jobs
        self._outside = OutsideFiles(root=root, state=state)
        self._records = PointRecords(state / "experiments/points")
        self.outcomes: list[Outcome] = []

    def run(self, points: Sequence[Point], *, what: str, stage: Stage = "evaluate") -> None:
        """Runs the points that have no record, up to `stage`; adds to `outcomes`."""
        tasks = self._tasks(points, stage=stage)
        print(f"{what}: {len(points)} points, {len(tasks)} to run", flush=True)
        if tasks and self._jobs:
            self.outcomes += _run(
                tasks,
                grid=self._grid,
                snapshot=self._snapshot,
                state=self._state,
                records=self._records,
                jobs=self._jobs,
            )

    def results(self, points: Sequence[Point]) -> Results:
        """The records that there are, by row and seed."""
        return {
            (point.row, point.seed): self._records.load(key)
            for point in points
            if self._records.has(key := self._key(point))
        }

    def best(self, candidates: Mapping[Any, Point]) -> Any:
        """The value whose point validated best, the first of equals; None if one is missing."""
        found = {}
        for value, point in candidates.items():
            if not self._records.has(key := self._key(point), stage="train"):
                return None
            validation = self._records.validation(key)
            if validation is None:
                raise InputError(f"{point.row}: nothing is trained, so there is nothing to choose")
            found[value] = validation
        return max(found, key=found.__getitem__)

    def _key(self, point: Point) -> str:
        code = self._snapshot.code(point.parameters)
        return point_key(point, code=code, outside=self._outside.of(point.parameters))

    def _tasks(self, points: Sequence[Point], *, stage: Stage) -> list[Task]:
        """One task for each key that has no record: two points can have the same key."""
        logs = self._state / "experiments/logs" / self._grid.name
        tasks: dict[str, Task] = {}
        for point in points:
            key = self._key(point)
            name = f"{slug(f'{self._grid.name}-{point.row}')}-s{point.seed}-{key[:6]}"
            name += "-trained" * (stage == "train")
            if not self._records.has(key, stage=stage):
                tasks.setdefault(key, Task(key, name, point, logs / f"{name}.log", stage))
        return list(tasks.values())


def _run(
    tasks: Sequence[Task],
    *,
    grid: Grid,
    snapshot: Snapshot,
    state: Path,
    records: PointRecords,
    jobs: int,
) -> list[Outcome]:
    jobs = min(jobs, len(tasks))
    cache, place = cache_folder(snapshot.root), state / "experiments/copies"
    try:
        copies = [
            WorkingCopy(place / str(number), snapshot=snapshot, cache=cache)
            for number in range(jobs)
        ]
        parent = _tracking(grid, "--title", grid.title, root=snapshot.root, state=state)
        environment = child_environment(snapshot.root, state=state, parent_run=parent)
        runner = Runner(copies, root=snapshot.root, records=records, environment=environment)
        if jobs > 1:
            _share(tasks[0], runner=runner)
        return run_all(tasks, runner=runner, jobs=jobs, prefect_home=state / "prefect")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _share(task: Task, *, runner: Runner) -> None:
    """Runs the stages that the points share. If these fail, each point still runs them itself."""
    log = task.log.parent / "frames.log"
    with interrupts(runner):
        failure = runner.share(task, log=log)
    if failure and not runner.stopped:
        print(
            f"warning: the stages up to the frames, which the points share, failed: {failure} "
            f"({log}). Each point runs them itself",
            file=sys.stderr,
        )


def _log_table(grid: Grid, folder: Path, *, root: Path, state: Path) -> None:
    """Logs the table to MLflow. A failure is a warning only, because the points are measured
    already."""
    try:
        _tracking(grid, "--table", str(folder), root=root, state=state)
    except InputError as error:
        print(f"warning: the table is not logged to MLflow: {error}", file=sys.stderr)


def _tracking(grid: Grid, *options: str, root: Path, state: Path) -> str:
    """Asks the package `stages`, which alone talks to MLflow; returns the grid's run or ""."""
    command = [sys.executable, "-m", "stages.commands.grid_run", *options, "--", grid.name]
    environment = {**os.environ, "CLIP_SPM_STATE": str(state)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise InputError(done.stderr.strip().removeprefix("grid_run: error: "))
    return done.stdout.strip()


def _write_table(grid: Grid, results: Results, *, chosen: Mapping[str, Any], folder: Path) -> None:
    from pipeline.grids.grid_figure import write_figure

    summaries = summarize(grid, results)
    page = markdown(grid, summaries, results=results, chosen=chosen)
    with atomic_path(folder / "table.md") as path:
        path.write_text(page, encoding="utf-8")
    with atomic_path(folder / "table.parquet") as path:
        pq.write_table(table(grid, summaries), path)
    with atomic_path(folder / "table.png") as path:
        write_figure(path, grid=grid, summaries=summaries)
    print(f"\n{page}\nwritten to {folder}")


def _report(outcomes: Sequence[Outcome], *, name: str) -> None:
    failed = [outcome for outcome in outcomes if outcome.failure]
    for outcome in failed:
        point = outcome.task.point
        print(f"{point.row}, seed {point.seed}: {outcome.failure} ({outcome.task.log})")
    if failed:
        command = f"python -m pipeline.experiments {shlex.quote(name)}"
        print(f"{len(failed)} points are missing: {command} runs them")
