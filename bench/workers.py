"""Benchmarks decoding with two workers against one, and the speed-up of two bare processes."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from bench.damage import FRAMES
from bench.moving import Moving
from bench.timing import Line, interleaved
from pipeline.decoding.decode_flow import decode_here
from pipeline.decoding.shard_decoder import DecodeJob
from pipeline.decoding.shard_plan import PlannedShard
from pipeline.machine.prefect_server import ensure_server
from spm.isolation.watched_process import Limits
from spm.video.reading import read_clip

_SHARDS, _CLIPS = 8, 384
_FRAMES = FRAMES.model_copy(update={"short_side": 256, "storage": "jpeg"})
_TARGET = 1.8


def lines() -> Iterator[Line]:
    """Lines with the seconds of 384 clips. The processes of the second line only read clips."""
    with tempfile.TemporaryDirectory() as folder, _pool() as pool:
        clip = Moving("clip.mp4", (320, 240), 250, 12).write(Path(folder))
        ensure_server(Path(folder) / "prefect")
        seconds = interleaved(
            {
                "one worker": partial(_decode, clip, workers=1),
                "two workers": partial(_decode, clip, workers=2),
                "one process": partial(_read_in, pool, clip, processes=1),
                "two processes": partial(_read_in, pool, clip, processes=2),
            },
            rounds=2,
        )
    for one, two, target in (
        ("one worker", "two workers", _TARGET),
        ("one process", "two processes", None),
    ):
        yield Line(f"{_CLIPS} clips by {two}", one, seconds[two], seconds[one], target)


def _decode(clip: Path, *, workers: int) -> None:
    """Decodes as the stage does, with Prefect but without its heartbeat, which rounds a flow up to
    full seconds."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    job = DecodeJob(clip.parent / "store", clip.parent, _FRAMES, Limits(60, 2048), "")
    shards = [_shard(number, clip) for number in range(_SHARDS)]
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        decode_here(shards, job=job, workers=workers)


def _shard(number: int, clip: Path) -> PlannedShard:
    ids = (f"{number}-{copy}" for copy in range(_CLIPS // _SHARDS))
    clips = tuple({"id": name, "path": clip.name, "key": name} for name in ids)
    return PlannedShard(f"{number}.h5", clips)


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def _read_in(pool: ProcessPoolExecutor, clip: Path, *, processes: int) -> None:
    shares = [_CLIPS // processes] * processes
    list(pool.map(partial(_read, clip), shares))


def _read(clip: Path, times: int) -> None:
    for _ in range(times):
        read_clip(clip, frames=_FRAMES)
