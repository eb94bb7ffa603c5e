"""Running the points of a grid: a Prefect flow in which one task is one `dvc exp run`.

Points run in copies of the project (pipeline.grids.snapshot), several at a time if wanted. A point
that fails does not stop the others. If the flow ends, its points end as well; training goes
on from its checkpoint when the grid is run again.
"""

import logging
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from pipeline.grids.grid import Point
from pipeline.grids.point_records import PointRecords, Stage
from pipeline.grids.snapshot import WorkingCopy
from pipeline.machine.git_and_dvc import dvc_command
from pipeline.machine.places import data_root, link_outside, tracking_place
from pipeline.machine.prefect_server import asked_directly, ensure_server
from spm.base.errors import InputError

_ERRORS = [  # errors of a stage or one of its ranks, of Python, of DVC
    re.compile(r"^[\w ]+: error: (.*)"),
    re.compile(r"^([\w.]*(?:Error|Exception): .*)"),
    re.compile(r"^ERROR: (.*)"),
]


@dataclass(frozen=True)
class Task:
    """A point to run, with its key."""

    key: str
    name: str
    """Name of the DVC experiment."""
    point: Point
    log: Path
    stage: Stage = "evaluate"
    """The last stage to run."""


@dataclass(frozen=True)
class Outcome:
    task: Task
    failure: str | None
    """Why the task failed; None if it did not."""


class Runner:
    """Runs tasks in `copies`; keeps their results in `records`."""

    def __init__(
        self,
        copies: Sequence[WorkingCopy],
        *,
        root: Path,
        records: PointRecords,
        environment: Mapping[str, str],
    ) -> None:
        self._free: queue.SimpleQueue[WorkingCopy] = queue.SimpleQueue()
        for copy in copies:
            self._free.put(copy)
        self._root, self._records, self._environment = root, records, dict(environment)
        self._running: set[IO[bytes]] = set()
        self.stopped = False

    def run(self, task: Task) -> Outcome:
        """Runs one experiment in a clean copy, and records its results."""
        return Outcome(task, self._in_a_copy(lambda copy: self._experiment(task, copy=copy)))

    def share(self, task: Task, *, log: Path) -> str | None:
        """Runs the stages up to the frames for one task, so that other tasks find them done.

        Returns why the stages failed, None if they did not.
        """
        return self._in_a_copy(lambda copy: self._frames(task, copy=copy, log=log))

    def stop(self) -> None:
        """Kills the tasks that run; tasks that wait will not be started."""
        self.stopped = True
        for pipe in list(self._running):
            pipe.close()

    def _in_a_copy(self, work: Callable[[WorkingCopy], str | None]) -> str | None:
        """Does `work` in a copy that is free; returns why the work failed, None if it did not."""
        copy = self._free.get()
        try:
            failure = None if self.stopped else work(copy)
        except InputError as error:
            failure = str(error)
        except Exception as error:  # a full disk, say: it must not end the other points
            failure = f"{type(error).__name__}: {error}"
        finally:
            self._free.put(copy)
        return "stopped" if self.stopped else failure

    def _frames(self, task: Task, *, copy: WorkingCopy, log: Path) -> str | None:
        self._prepare(copy, task.point)
        return self._execute([*dvc_command(), "repro", "frames"], copy=copy, log=log)

    def _experiment(self, task: Task, *, copy: WorkingCopy) -> str | None:
        self._prepare(copy, task.point)
        command = [*dvc_command(), "exp", "run", "--name", task.name, task.stage]
        failure = self._execute(command, copy=copy, log=task.log)
        if failure is None:
            self._records.keep(task.key, copy=copy.folder, point=task.point, stage=task.stage)
            if task.stage == "evaluate":  # else its results are those that the copy began with
                copy.publish(task.name)
        return failure

    def _prepare(self, copy: WorkingCopy, point: Point) -> None:
        runtime, places = point.parameters["runtime"], {}
        if runtime["root"]:
            places["runtime.root"] = str(data_root(runtime["root"], root=self._root))
        if uri := runtime["tracking_uri"]:
            places["runtime.tracking_uri"] = tracking_place(uri, root=self._root)
        copy.reset(point.overrides | places)
        link_outside(point.parameters, copy=copy.folder, root=self._root)

    def _execute(self, command: list[str], *, copy: WorkingCopy, log: Path) -> str | None:
        """Adds the command's output to `log`; returns why the command failed, or None."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as output:
            output.write(f"--- {datetime.now():%Y-%m-%d %H:%M:%S} {' '.join(command)}\n".encode())
            output.flush()
            before = output.tell()
            status = self._wait(command, copy=copy, output=output)
        return failure_in(log, after=before) if status else None

    def _wait(self, command: list[str], *, copy: WorkingCopy, output: IO[bytes]) -> int:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.machine.supervise", *command],
            cwd=copy.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        assert process.stdin is not None
        self._running.add(process.stdin)
        if self.stopped:  # since the check in `_in_a_copy`
            process.stdin.close()
        try:
            return process.wait()
        finally:
            self._running.discard(process.stdin)
            process.stdin.close()


def run_all(
    tasks: Sequence[Task], *, runner: Runner, jobs: int, prefect_home: Path
) -> list[Outcome]:
    """Runs the flow. An interrupt ends the points that run, and the flow then ends by itself."""
    ensure_server(prefect_home)
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.states import Failed
    from prefect.task_runners import ThreadPoolTaskRunner

    logging.getLogger("prefect.task_runs").setLevel(logging.CRITICAL)  # Progress prints failures
    progress = Progress(len(tasks), jobs=jobs)
    outcomes: dict[str, Outcome] = {}
    by_name = {each.name: each for each in tasks}

    @task(name="point", task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False)
    def run_point(name: str) -> Any:
        if runner.stopped:
            outcome = outcomes[name] = Outcome(by_name[name], "stopped")
        else:
            with progress.point(by_name[name]) as report:
                outcome = outcomes[name] = report(runner.run(by_name[name]))
        return Failed(message=outcome.failure) if outcome.failure else None

    threads: Any = ThreadPoolTaskRunner(max_workers=jobs)  # Prefect's types disagree with it

    @flow(name="experiments", task_runner=threads)
    def run_grid() -> None:
        for future in [run_point.submit(name) for name in by_name]:
            future.wait()

    with interrupts(runner), asked_directly():
        run_grid()
    return [outcomes[name] for name in by_name]


class Progress:
    """Prints a line when a point starts, and one when it ends: its result, and the time left."""

    def __init__(self, total: int, *, jobs: int) -> None:
        self._total, self._jobs = total, jobs
        self._started = 0
        self._seconds: list[float] = []
        self._lock = threading.Lock()

    @contextmanager
    def point(self, task: Task) -> Iterator[Any]:
        begin = time.monotonic()
        with self._lock:
            self._started += 1
            number = self._started
        place = f"[{number}/{self._total}] {task.point.row}, seed {task.point.seed}"

        def report(outcome: Outcome) -> Outcome:
            if outcome.failure != "stopped":
                seconds = time.monotonic() - begin
                result = f"FAILED: {outcome.failure}" if outcome.failure else "done"
                print(
                    f"{place}: {result} after {duration(seconds)}; {self._left(seconds)}",
                    flush=True,
                )
            return outcome

        print(f"{place}: started, see {task.log}", flush=True)
        yield report

    def _left(self, seconds: float) -> str:
        with self._lock:
            self._seconds.append(seconds)
            left = self._total - len(self._seconds)
            mean = sum(self._seconds) / len(self._seconds)
        return f"{left} left, about {duration(left * mean / self._jobs)}" if left else "none left"


def duration(seconds: float) -> str:
    """
    >>> duration(3720)
    '1 h 2 min'
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def failure_in(log: Path, *, after: int = 0) -> str:
    """The error in a log: the stage's own words, else Python's, else DVC's, else the last line.

    `after`: how many bytes of the log are of earlier runs.
    """
    text = log.read_bytes()[after:].decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for pattern in _ERRORS:
        for line in lines:
            if found := pattern.match(line):
                return found[1]
    return lines[-1] if lines else "it ended without a word"


@contextmanager
def interrupts(runner: Runner) -> Iterator[None]:
    """While the block runs, an interrupt stops `runner` and nothing else."""

    def stop(number: int, frame: object) -> None:
        print("\nstopping the points that run …", file=sys.stderr, flush=True)
        runner.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def child_environment(root: Path, *, state: Path, parent_run: str) -> dict[str, str]:
    """The environment of the points: the project's state and data, wherever the points run.

    Each point has one thread unless the user has said otherwise. The number of threads changes the
    last bits of the trained weights, so it must not depend on how many points run at the same time.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    shared = {
        "PATH": path,
        "CLIP_SPM_STATE": str(state),
        "CLIP_SPM_DATA": str(data_root(None, root=root)),
        "CLIP_SPM_PARENT_RUN": parent_run,
        "DVC_NO_ANALYTICS": "1",
    }
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        shared["MLFLOW_TRACKING_URI"] = tracking_place(uri, root=root)
    return {"OMP_NUM_THREADS": "1", **os.environ, **shared}
