"""Filling the shard store: the flow that decodes what is missing.

One task decodes one shard and is the only one to write it. A shard appears in the store whole or
not at all, so a run that was killed goes on where it stopped. Clips are read in other processes
(pipeline.isolated_reader): whatever a file does to its reader, the rest goes on.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.isolated_reader import IsolatedReader, Limits, Readers
from pipeline.prefect_server import ensure_server
from pipeline.shard_plan import PlannedShard
from spm.clip import Clip
from spm.config.frames import FramesConfig
from spm.config.runtime import RuntimeConfig
from spm.errors import DataError
from spm.progress import progress_bar
from spm.shard_writer import write_shard
from spm.shards import Shard


def fill_store(
    shards: Sequence[PlannedShard],
    *,
    store: Path,
    videos: Path,
    frames: FramesConfig,
    runtime: RuntimeConfig,
    prefect_home: Path,
) -> int:
    """Decodes those of `shards` that `store` lacks, or has damaged; returns how many these were.

    `videos` is the data set's folder. Clips that cannot be used are recorded in their shard with
    the reason. A shard with clips that ran out of time or memory is decoded once more, alone, and
    again at the next call. Raises DataError where videos are missing, before anything is decoded.
    """
    missing = [shard for shard in shards if not _is_sound(store / shard.name)]
    if not missing:
        return 0
    _check_videos(missing, videos=videos)
    num_clips = sum(len(shard.clips) for shard in missing)
    print(f"decoding {num_clips} clips into {len(missing)} shards: starting Prefect …")
    ensure_server(prefect_home)
    limits = Limits(seconds=runtime.clip_seconds, memory_mb=runtime.clip_memory_mb)
    with Readers(limits) as readers:
        decode = partial(_decode_shard, store=store, videos=videos, frames=frames, readers=readers)
        _decode(decode, missing, workers=runtime.workers)
        unsure = [shard for shard in missing if not Shard(store / shard.name).is_final]
        if unsure:
            print(f"clips of {len(unsure)} shards ran out of time or memory: once more, alone")
            _decode(decode, unsure, workers=1)
    return len(missing)


def _is_sound(path: Path) -> bool:
    """Whether the store has this shard, final, and undamaged: it is read whole, with checksums."""
    if not path.exists():
        return False
    try:
        shard = Shard(path)
        shard.check()
    except DataError:
        print(f"warning: {path} is damaged: decoding its clips again", file=sys.stderr)
        path.chmod(0o644)  # DVC's cache may share the file, and checks only what is writable
        return False
    return shard.is_final


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


def _decode(decode: Callable[..., None], shards: Sequence[PlannedShard], *, workers: int) -> None:
    num_clips = sum(len(shard.clips) for shard in shards)
    with progress_bar(total=num_clips, desc="decoding", unit="clip") as bar:
        _fan_out(partial(decode, advance=_locked(bar.update)), shards, workers=workers)


def _fan_out(
    decode: Callable[[PlannedShard], None],
    shards: Sequence[PlannedShard],
    *,
    workers: int,
) -> None:
    """One Prefect task for each shard. The first error of a task is raised."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.futures import as_completed
    from prefect.task_runners import ThreadPoolTaskRunner

    by_name = {shard.name: shard for shard in shards}

    @task(name="decode-shard", cache_policy=NO_CACHE, persist_result=False)
    def decode_shard(name: str) -> None:
        decode(by_name[name])

    @flow(name="decode", task_runner=ThreadPoolTaskRunner(max_workers=workers))
    def decode_all() -> None:
        futures = [decode_shard.submit(name) for name in by_name]
        for future in as_completed(futures):
            future.result()

    decode_all()


def _decode_shard(
    shard: PlannedShard,
    *,
    store: Path,
    videos: Path,
    frames: FramesConfig,
    readers: Readers,
    advance: Callable[[], None],
) -> None:
    def clips(reader: IsolatedReader) -> Iterator[tuple[str, Clip | DataError]]:
        for clip in shard.clips:
            yield clip["id"], _read(videos / clip["path"], frames=frames, reader=reader)
            advance()

    with readers.borrow() as reader:
        write_shard(
            store / shard.name,
            clips(reader),
            frames_per_clip=frames.num_segments * frames.samples_per_segment,
            storage=frames.storage,
            jpeg_quality=frames.jpeg_quality,
        )


def _read(path: Path, *, frames: FramesConfig, reader: IsolatedReader) -> Clip | DataError:
    """The clip's frames, or why there are none. An error of the machine is raised."""
    try:
        return reader.read(path, frames=frames)
    except DataError as error:
        return error


def _locked(call: Callable[[], Any]) -> Callable[[], None]:
    """`call`, for several threads."""
    lock = threading.Lock()

    def locked() -> None:
        with lock:
            call()

    return locked
