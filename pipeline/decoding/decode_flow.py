"""The flow that decodes shards: one Prefect task for each, in threads here or in a Dask cluster."""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pipeline.decoding.shard_decoder import DecodeJob, decode_shard, decode_shard_in_cluster
from pipeline.decoding.shard_plan import PlannedShard
from pipeline.machine.prefect_server import asked_directly
from spm.base.progress import progress_bar
from spm.isolation.isolated_reader import Readers


def decode_here(shards: Sequence[PlannedShard], *, job: DecodeJob, workers: int) -> None:
    """Decodes `workers` shards at the same time. Raises the first error of a task."""
    from prefect.task_runners import ThreadPoolTaskRunner

    with _progress(shards) as bar, Readers(job.limits) as readers:
        decode = partial(decode_shard, job=job, readers=readers, advance=_locked(bar.update))
        work = [(partial(decode, shard), 0) for shard in shards]
        _fan_out(work, runner=ThreadPoolTaskRunner(max_workers=workers), bar=bar)


def decode_in_cluster(shards: Sequence[PlannedShard], *, job: DecodeJob, scheduler: str) -> None:
    """Decodes as many shards at a time as the cluster has threads. Raises the first error of a
    task."""
    from prefect_dask.task_runners import DaskTaskRunner

    with _progress(shards) as bar:
        decode = partial(decode_shard_in_cluster, job=job)
        work = [(partial(decode, shard), len(shard.clips)) for shard in shards]
        _fan_out(work, runner=DaskTaskRunner(address=scheduler), bar=bar)


class _Here:
    """A value that stays in this process: its pickled copy is empty. Prefect sends the flow, and
    all that the flow's function holds, along with each task."""

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return _Here, ()


def _fan_out(work: Sequence[tuple[Callable[[], None], int]], *, runner: Any, bar: Any) -> None:
    """Runs each piece of work as a task, then advances the bar by the piece's number of clips."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.futures import as_completed

    here = _Here((work, bar))

    @task(name="decode-shard", cache_policy=NO_CACHE, persist_result=False)
    def decode_one(decode: Callable[[], None]) -> None:
        decode()

    @flow(name="decode", task_runner=runner)
    def decode_all() -> None:
        work, bar = here.value
        futures = {decode_one.submit(piece): num_clips for piece, num_clips in work}
        for future in as_completed(list(futures)):
            future.result()
            bar.update(futures[future])

    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # failures are raised instead
    with asked_directly():
        decode_all()


def _progress(shards: Sequence[PlannedShard]) -> Any:
    total = sum(len(shard.clips) for shard in shards)
    return progress_bar(total=total, desc="decoding", unit="clip")


def _locked(call: Callable[[], Any]) -> Callable[[], None]:
    """`call` behind a lock, so that several threads can call it."""
    lock = threading.Lock()

    def locked() -> None:
        with lock:
            call()

    return locked
