"""One round of `python -m bench.kills`: kills a run, resumes it, and checks the result."""

import hashlib
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import processes
from bench.small_project import SmallProject
from pipeline.machine.git_and_dvc import dvc_command
from spm.base.yaml_file import read_yaml

TARGETS = ("all", "first", "descendant")
"""Whom to kill: all processes of the run; only its first process; a random descendant of it."""
_WRITING_SECONDS = 0.3
_END_SECONDS = 30
_SHARE = 0.9  # latest moment, as a share of a whole run's seconds: later, most runs have ended
_RUNS_ALREADY = "already runs, in process"


@dataclass(frozen=True)
class Job:
    """The command to run: a stage directly, a stage by DVC, or the whole pipeline."""

    name: str
    command: tuple[str, ...]
    stage: str | None = None
    """The stage to run; None: all stages."""
    targets: tuple[str, ...] = TARGETS
    parameters: dict[str, Any] = field(default_factory=dict)
    share: int = 1
    """The job's weight when a round draws its job."""


@dataclass(frozen=True)
class Kill:
    writes: int
    """Number of changes below data and .state to wait for before `moment` begins; 0: none."""
    moment: float
    """When to kill: a share of the run's seconds; after changes, a share of _WRITING_SECONDS."""
    choice: float
    """Which descendant to kill, as a share of their number."""


@dataclass(frozen=True)
class Round:
    number: int
    job: Job
    target: str
    kills: tuple[Kill, ...]


@dataclass(frozen=True)
class Whole:
    """The run of a job without a kill."""

    seconds: float
    hashes: dict[str, str]
    lock: dict[str, Any]


@dataclass
class Outcome:
    hits: int = 0
    """Number of kills that hit a process; a run may end before its kill."""
    faults: list[str] = field(default_factory=list)
    seconds: float = 0


def _stage(name: str, *, share: int = 1, **more: Any) -> Job:
    return Job(name, (sys.executable, "-m", f"stages.{name}"), stage=name, share=share, **more)


def _by_dvc(stage: str) -> Job:
    command = (*dvc_command(), "repro", "--single-item", "--force", stage)
    return Job(f"dvc repro -s {stage}", command, stage=stage)


_ALONE: dict[str, Any] = {"targets": ("all",)}  # for a job that starts no other process
_RANKS = {"runtime.devices": 2, "runtime.device": "cpu"}
_TRACKED = {"runtime.tracking": True}
_TRAIN = (sys.executable, "-m", "stages.train")
JOBS = [
    _stage("clips", share=3),
    _stage("inventory", **_ALONE),
    _stage("manifest", **_ALONE),
    _stage("frames", share=4),
    _stage("prompts", **_ALONE),
    _stage("train", share=2, **_ALONE),
    Job("train on two ranks", _TRAIN, stage="train", parameters=_RANKS),
    _stage("evaluate", **_ALONE),
    _stage("report", **_ALONE),
    Job("train with MLflow", _TRAIN, stage="train", targets=("all",), parameters=_TRACKED),
    *(_by_dvc(stage) for stage in ("clips", "frames", "train", "report")),
    Job("dvc repro", (*dvc_command(), "repro")),
]


def draw(number: int, *, seed: int, jobs: Sequence[Job] = JOBS) -> Round:
    """Round `number`, drawn from `seed`; the same arguments give the same round."""
    rng = random.Random(f"{seed}, {number}")
    (job,) = rng.choices(jobs, [each.share for each in jobs])
    kills = [
        Kill(rng.choice((0, 0, 0, 1, 1, 2, 3)), rng.random(), rng.random())
        for _ in range(rng.choice((1, 1, 2, 3)))
    ]
    return Round(number, job, rng.choice(job.targets), tuple(kills))


class Campaign:
    """Runs rounds below `folder`, on copies of `reference`, a project that ran without a kill."""

    def __init__(self, folder: Path, *, reference: SmallProject) -> None:
        self._folder, self._reference = folder, reference
        self._whole: dict[str, Whole] = {}

    @classmethod
    def prepared(cls, folder: Path) -> "Campaign":
        """Makes and runs a reference project in `folder`."""
        reference = SmallProject.create(folder / "reference")
        reference.repro()
        return cls(folder, reference=reference)

    def close(self) -> None:
        """Removes the folders, except those of rounds with a fault."""
        self._reference.remove(self._reference.folder)
        if not any(self._folder.iterdir()):  # a round with a fault leaves its folder there
            self._folder.rmdir()

    def play(self, round_: Round) -> Outcome:
        """Runs a round. Its folder stays if the round has a fault."""
        started = time.monotonic()
        folder, word = self._folder / f"round-{round_.number}", uuid.uuid4().hex
        whole = self._whole.get(round_.job.name) or self._run_whole(round_.job)
        project = self._copy(round_.job, folder)
        outcome = Outcome()
        try:
            ended = _killed(project, round_, whole=whole, word=word, outcome=outcome)
            ended = ended or _resumed(project, round_.job, whole=whole, word=word, outcome=outcome)
            if left := processes.wait_for_end(word, seconds=_END_SECONDS):
                names = [" ".join(process.cmdline()[:4]) for process in left]
                outcome.faults.append(f"left running: {', '.join(names)}")
            if ended:
                outcome.faults += _differences(project, round_.job, whole=whole)
        finally:
            processes.kill_all(word)
            if not outcome.faults:
                project.remove(folder)
        outcome.seconds = time.monotonic() - started
        return outcome

    def _copy(self, job: Job, folder: Path) -> SmallProject:
        project = self._reference.copy(folder, ran=job.stage is not None, parameters=job.parameters)
        if job.stage:
            project.remove(*project.outs(job.stage))
        return project

    def _run_whole(self, job: Job) -> Whole:
        project = self._copy(job, self._folder / "whole")
        started = time.monotonic()
        word = uuid.uuid4().hex
        run = _start(project, job.command, word=word)
        assert run.wait() == 0, _log(project).read_text(encoding="utf-8")
        processes.kill_all(word)
        whole = Whole(time.monotonic() - started, project.hashes(job.stage), _lock(project))
        project.remove(project.folder)
        self._whole[job.name] = whole
        return whole


def _killed(
    project: SmallProject, round_: Round, *, whole: Whole, word: str, outcome: Outcome
) -> bool:
    """Starts and kills the run once for each kill. True: a run ended well before its kill."""
    for kill in round_.kills:
        run = _start(project, round_.job.command, word=word)
        _wait_for_moment(run, kill, project=project, seconds=whole.seconds)
        victims = _victims(run, round_.target, choice=kill.choice, word=word)
        processes.kill(*victims)
        outcome.hits += bool(victims)
        if _status(run, whole, word, outcome) == 0:
            return True
        outcome.faults += _half_written(project, round_.job, whole=whole)
    return False


def _resumed(project: SmallProject, job: Job, *, whole: Whole, word: str, outcome: Outcome) -> bool:
    """Runs the job until it ends well. A process that survived a kill may refuse the first runs."""
    while _status(_start(project, job.command, word=word), whole, word, outcome) != 0:
        said = _last_run(project)
        if _RUNS_ALREADY not in said:
            outcome.faults.append(f"fails without a kill: {said.strip().splitlines()[-1:]}")
            return False
        if processes.wait_for_end(word, seconds=_limit(whole)):
            outcome.faults.append("what a kill has left alive does not end")
            return False
    return True


def _start(
    project: SmallProject, command: Sequence[str], *, word: str
) -> "subprocess.Popen[bytes]":
    """Starts the job; its output is appended to the project's log."""
    with open(_log(project), "ab") as log:
        log.write(_START.encode())
        log.flush()
        return subprocess.Popen(
            command,
            cwd=project.folder,
            env=project.environment(**processes.marked(word)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


_START = "\n=== run\n"


def _log(project: SmallProject) -> Path:
    return project.folder / "kills.log"


def _last_run(project: SmallProject) -> str:
    return _log(project).read_text(encoding="utf-8", errors="replace").rpartition(_START)[2]


def _limit(whole: Whole) -> float:
    return 120 + 10 * whole.seconds


def _status(
    run: "subprocess.Popen[bytes]", whole: Whole, word: str, outcome: Outcome
) -> int | None:
    """The exit status of the run after its end. A run that does not end in time is killed."""
    try:
        return run.wait(_limit(whole))
    except subprocess.TimeoutExpired:
        outcome.faults.append(f"hangs: it has not ended in {_limit(whole):.0f} s")
        processes.kill_all(word)
        return run.wait()


def _wait_for_moment(
    run: "subprocess.Popen[bytes]", kill: Kill, *, project: SmallProject, seconds: float
) -> None:
    """Waits for the moment of the kill, or for the end of the run."""
    if not kill.writes:
        _wait(run, kill.moment * _SHARE * seconds)
        return
    seen, writes = _written(project), 0
    while run.poll() is None and writes < kill.writes:
        time.sleep(0.005)
        now = _written(project)
        writes += now != seen
        seen = now
    _wait(run, kill.moment * _WRITING_SECONDS)


def _wait(run: "subprocess.Popen[bytes]", seconds: float) -> None:
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _written(project: SmallProject) -> set[tuple[str, int, int]]:
    """The path, size and time of every file below data and .state."""
    found = set()
    for top in ("data", ".state"):
        for path in (project.folder / top).rglob("*"):
            try:
                stamp = path.stat()
            except FileNotFoundError:  # removed meanwhile
                continue
            found.add((str(path), stamp.st_size, stamp.st_mtime_ns))
    return found


def _victims(run: "subprocess.Popen[bytes]", target: str, *, choice: float, word: str) -> list[Any]:
    alive = processes.processes(word)
    first = [process for process in alive if process.pid == run.pid]
    others = [process for process in alive if process.pid != run.pid]
    if target == "descendant":
        return [others[int(choice * len(others))]] if others else []
    return alive if target == "all" else first


def _half_written(project: SmallProject, job: Job, *, whole: Whole) -> Iterator[str]:
    """Files under their final names with incomplete content."""
    for path, found in project.hashes(job.stage).items():
        if whole.hashes.get(path) != found and not Path(path).name.startswith("."):
            yield f"half-written: {path}"


def _differences(project: SmallProject, job: Job, *, whole: Whole) -> Iterator[str]:
    found = project.hashes(job.stage)
    for path in sorted(found.keys() | whole.hashes.keys()):
        if found.get(path) != whole.hashes.get(path):
            how = "too many" if path not in whole.hashes else "is other than without a kill"
            yield f"{path} {how if path in found else 'is missing'}"
    if _lock(project) != whole.lock:
        yield "dvc.lock is other than without a kill"
    for path in (project.folder / ".dvc/cache/files/md5").glob("??/*"):
        content = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if content != (path.parent.name + path.name).removesuffix(".dir"):
            yield f"half-written in DVC's cache: {path.name}"


def _lock(project: SmallProject) -> dict[str, Any]:
    return read_yaml(project.folder / "dvc.lock")
