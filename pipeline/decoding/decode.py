"""Filling the shard store: the shards that it lacks are decoded.

A shard appears in the store whole or not at all, so a run that was killed goes on where it stopped.
Clips are read in other processes (spm.isolation.isolated_reader), so that a file that crashes
its reader stops nothing else.
"""

from collections.abc import Sequence
from pathlib import Path

from pipeline.decoding.dask_cluster import own_address
from pipeline.decoding.decode_flow import decode_here, decode_in_cluster
from pipeline.decoding.shard_decoder import DecodeJob
from pipeline.decoding.shard_plan import PlannedShard, recipe_hash
from pipeline.machine.prefect_server import ensure_server
from pipeline.shards.checked_shards import sound_shards
from spm.base.errors import DataError
from spm.config.frames import FramesConfig
from spm.config.runtime import RuntimeConfig
from spm.frames.shards import Shard
from spm.isolation.watched_process import Limits


def fill_store(
    shards: Sequence[PlannedShard],
    *,
    store: Path,
    videos: Path,
    frames: FramesConfig,
    runtime: RuntimeConfig,
    prefect_home: Path,
) -> int:
    """Decodes the `shards` that `store` lacks or has damaged; returns the number of these.

    `videos` is the data set's folder. Clips that cannot be used are recorded in their shard with
    the reason. A shard with clips that ran out of time or memory is decoded once more, alone, and
    again at the next call. Raises DataError if videos are missing, before anything is decoded.
    """
    sound = sound_shards([shard.name for shard in shards], store=store, opened=Shard)
    missing = [shard for shard in shards if shard.name not in sound]
    if not missing:
        return 0
    _check_videos(missing, videos=videos)
    limits = Limits(seconds=runtime.clip_seconds, memory_mb=runtime.clip_memory_mb)
    job = DecodeJob(store.absolute(), videos.absolute(), frames, limits, recipe_hash(frames))
    _decode(missing, job=job, runtime=runtime, prefect_home=prefect_home)
    _decode_unsure_again(missing, job=job)
    return len(missing)


def _decode(
    shards: Sequence[PlannedShard], *, job: DecodeJob, runtime: RuntimeConfig, prefect_home: Path
) -> None:
    num_clips = sum(len(shard.clips) for shard in shards)
    print(f"decoding {num_clips} clips into {len(shards)} shards: starting Prefect …")
    if runtime.runner == "local":
        ensure_server(prefect_home)
        decode_here(shards, job=job, workers=runtime.workers)
        return
    assert runtime.dask_scheduler is not None
    ensure_server(prefect_home, host=own_address(runtime.dask_scheduler))
    decode_in_cluster(shards, job=job, scheduler=runtime.dask_scheduler)
    _check_shared(shards, store=job.store)


def _decode_unsure_again(shards: Sequence[PlannedShard], *, job: DecodeJob) -> None:
    """Decodes shards with clips that ran out of time or memory once more, one shard at a time."""
    unsure = [shard for shard in shards if not Shard(job.store / shard.name).is_final]
    if unsure:
        print(f"clips of {len(unsure)} shards ran out of time or memory: once more, alone")
        decode_here(unsure, job=job, workers=1)


def _check_videos(shards: Sequence[PlannedShard], *, videos: Path) -> None:
    paths = [clip["path"] for shard in shards for clip in shard.clips]
    absent = [path for path in paths if not (videos / path).exists()]
    if absent:
        raise DataError(
            f"{len(absent)} of {len(paths)} videos to decode are not in {videos} "
            f"({', '.join(absent[:3])}{', …' if len(absent) > 3 else ''}). "
            "Bring the data set back there, or set runtime.root or $CLIP_SPM_DATA to the folder "
            "that holds it; if clips were removed on purpose, run `dvc repro`"
        )


def _check_shared(shards: Sequence[PlannedShard], *, store: Path) -> None:
    absent = [shard for shard in shards if not (store / shard.name).is_file()]
    if absent:
        raise DataError(
            f"the Dask workers decoded {len(shards)} shards, but {len(absent)} of them are not in "
            f"{store}: with runtime.runner: dask, CLIP_SPM_STATE must be a folder that all "
            "machines share, under the same path"
        )
