"""Stage `frames`: data/manifest.parquet and the videos -> data/frames/."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.decode import fill_store
from pipeline.frames_folder import INTEGRITY, write_folder
from pipeline.shard_plan import plan_shards
from spm.config.dataset import RejectionLimit
from spm.config.frames import FramesConfig
from spm.config.runtime import RuntimeConfig
from spm.errors import DataError
from stages import command, params, paths, tracking
from stages.dataset_folder import dataset_folder


def main() -> None:
    frames, dataset, runtime = params.load(
        frames=FramesConfig, dataset=RejectionLimit, runtime=RuntimeConfig
    )
    sections = {"frames": frames, "dataset": dataset}
    with tracking.stage_run(
        "frames", params=sections, deps=[paths.MANIFEST], outs=[paths.FRAMES]
    ) as run:
        index, num_decoded = _build(frames, runtime=runtime)
        check_rejected(index, max_rejected=dataset.max_rejected)
        num_ok = pc.sum(pc.equal(index["status"], "ok")).as_py()
        run.log_metrics({"clips_ok": num_ok, "clips_rejected": len(index) - num_ok})
        run.log_artifact(paths.FRAMES / INTEGRITY)
    print(
        f"frames: {num_ok} clips usable, {len(index) - num_ok} rejected; {num_decoded} shards "
        f"decoded, the others were in the store ({paths.FRAMES / INTEGRITY})"
    )


def _build(frames: FramesConfig, *, runtime: RuntimeConfig) -> tuple[pa.Table, int]:
    manifest = pq.read_table(paths.MANIFEST)
    name = manifest.schema.metadata[b"dataset"].decode()
    store = paths.state_dir() / "shards"
    shards = plan_shards(manifest, frames=frames)
    num_decoded = fill_store(
        shards,
        store=store,
        videos=dataset_folder(name, runtime=runtime),
        frames=frames,
        workers=runtime.workers,
        prefect_home=paths.state_dir() / "prefect",
    )
    index = write_folder(paths.FRAMES, manifest=manifest, shards=shards, store=store, frames=frames)
    return index, num_decoded


def check_rejected(index: pa.Table, *, max_rejected: float) -> None:
    """Raises DataError where too large a share of the clips is unusable.

    Files that no split asks for were never meant to be used, missing clips are not there, and
    duplicates are not needed: they don't count.
    """
    found = pc.is_in(index["status"], pa.array(["ok", "rejected"]))
    counted = index.filter(pc.and_(found, pc.not_equal(index["split"], "")))
    rejected = counted.filter(pc.equal(counted["status"], "rejected"))
    if len(rejected) <= max_rejected * len(counted):
        return
    first = [f"  {clip['id']}: {clip['reason']}" for clip in rejected.slice(0, 5).to_pylist()]
    raise DataError(
        f"{len(rejected)} of {len(counted)} clips are unusable, more than dataset.max_rejected = "
        f"{max_rejected:g} allows. Mend or remove them, or raise it. All of them are in "
        f"{paths.FRAMES / INTEGRITY}; the first:\n" + "\n".join(first)
    )


if __name__ == "__main__":
    command.run(main)
