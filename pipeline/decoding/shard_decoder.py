"""Decoding one shard: on this machine, or on a machine of a cluster that shares its storage."""

import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.decoding.shard_plan import PlannedShard, recipe_hash
from spm.base.errors import DataError
from spm.config.frames import FramesConfig
from spm.frames.shard_writer import write_shard
from spm.isolation.isolated_reader import IsolatedReader, Readers
from spm.isolation.watched_process import Limits
from spm.video.clip import Clip


@dataclass(frozen=True)
class DecodeJob:
    """Everything that decoding needs besides the clips. It can be sent to another machine."""

    store: Path
    """An absolute path, like `videos`; other machines must have both under the same path."""
    videos: Path
    """The data set's folder."""
    frames: FramesConfig
    limits: Limits
    recipe: str
    """recipe_hash of the code that planned the shards."""


def decode_shard(
    shard: PlannedShard, *, job: DecodeJob, readers: Readers, advance: Callable[[], None]
) -> None:
    """Writes the shard into the store. `advance` is called after each clip.

    Clips that cannot be used are recorded with the reason. Errors of the machine are raised.
    """

    def clips(reader: IsolatedReader) -> Iterator[tuple[str, Clip | DataError]]:
        for clip in shard.clips:
            yield clip["id"], _read(job.videos / clip["path"], frames=job.frames, reader=reader)
            advance()

    with readers.borrow() as reader:
        write_shard(
            job.store / shard.name,
            clips(reader),
            frames_per_clip=job.frames.num_segments * job.frames.samples_per_segment,
            storage=job.frames.storage,
            jpeg_quality=job.frames.jpeg_quality,
        )


def decode_shard_in_cluster(shard: PlannedShard, *, job: DecodeJob) -> None:
    """Like decode_shard, with readers of its own.

    Raises DataError if this machine's code or packages differ from those that planned the shard,
    because the shard's name is a hash of them. Also raises it if this process does not read file
    names as UTF-8, because it would not find the clips.
    """
    if sys.getfilesystemencoding() != "utf-8":
        raise DataError(
            f"the Dask worker on {socket.gethostname()} takes file names to be "
            f"{sys.getfilesystemencoding()}: start it with PYTHONUTF8=1"
        )
    if recipe_hash(job.frames) != job.recipe:
        raise DataError(
            f"{socket.gethostname()} has other code or other versions of the packages that decode "
            "than the machine that runs the stage: start the Dask workers in the same checkout "
            "and environment"
        )
    with Readers(job.limits) as readers:
        decode_shard(shard, job=job, readers=readers, advance=lambda: None)


def _read(path: Path, *, frames: FramesConfig, reader: IsolatedReader) -> Clip | DataError:
    try:
        return reader.read(path, frames=frames)
    except DataError as error:
        return error
