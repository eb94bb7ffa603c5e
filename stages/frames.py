"""Stage `frames`: decodes the videos that data/manifest.parquet lists; writes data/frames/."""

import time
from collections import Counter
from typing import Any

import pyarrow as pa

from pipeline.decoding.decode import fill_store
from pipeline.decoding.frames_folder import write_folder
from pipeline.decoding.shard_plan import plan_shards, recipe_hash
from pipeline.shards.unfinished import noted
from spm.base.errors import DataError
from spm.config.dataset import RejectionLimit
from spm.config.frames import FramesConfig
from spm.config.runtime import RuntimeConfig
from spm.dataset.coverage import metrics
from spm.dataset.rejections import check_rejected, first_of
from spm.frames.integrity import INTEGRITY
from stages.shared import command, params, paths
from stages.shared.dataset_folder import dataset_folder
from stages.shared.single_instance import single_instance
from stages.shared.tables import read_table
from stages.tracking import runs as tracking


def main() -> None:
    frames, dataset, runtime = params.load(
        frames=FramesConfig, dataset=RejectionLimit, runtime=RuntimeConfig
    )
    sections = {"frames": frames, "dataset": dataset}
    with tracking.stage_run(
        "frames", params=sections, deps=[paths.MANIFEST], outs=[paths.FRAMES]
    ) as run:
        started = time.monotonic()
        index, report, num_decoded = _build(frames, runtime=runtime)
        print(f"frames: {summary(report)}")
        print(
            f"frames: {num_decoded} shards decoded, the others were in the store; "
            f"{time.monotonic() - started:.0f} s ({paths.FRAMES / INTEGRITY})"
        )
        for counts in report["coverage"].values():
            print(counts["line"])
        run.log_metrics(metrics(report["coverage"]) | {"transient": report["transient"]})
        run.log_artifact(paths.FRAMES / INTEGRITY)
        check_transient(index, runtime=runtime)
        check_rejected(
            index,
            limit=dataset.max_rejected,
            advice=f" All of them are in {paths.FRAMES / INTEGRITY}.",
        )


def _build(frames: FramesConfig, *, runtime: RuntimeConfig) -> tuple[pa.Table, dict[str, Any], int]:
    manifest = read_table(paths.MANIFEST)
    name = manifest.schema.metadata[b"dataset"].decode()
    store = paths.state_dir() / "shards"
    shards = plan_shards(manifest, frames=frames)
    names = [shard.name for shard in shards]
    with noted(names, store=store, recipe=recipe_hash(frames)):
        num_decoded = fill_store(
            shards,
            store=store,
            videos=dataset_folder(name, runtime=runtime),
            frames=frames,
            runtime=runtime,
            prefect_home=paths.state_dir() / "prefect",
        )
        index, report = write_folder(
            paths.FRAMES, manifest=manifest, shards=shards, store=store, frames=frames
        )
    return index, report, num_decoded


def summary(report: dict[str, Any]) -> str:
    """A line with the number of usable and unusable clips, by reader and reason.

    8 clips usable (decord 6, pyav 2), 3 unusable (truncated 2, out of time 1), 1 of these transient
    """
    reasons = Counter(reason.split(":")[0] for reason in report["unusable_clips"].values())
    usable = f"{report['ok']} clips usable{_counts(report['readers'])}"
    unusable = f"{len(report['unusable_clips'])} unusable{_counts(reasons)}"
    transient = f", {report['transient']} of these transient" if report["transient"] else ""
    return f"{usable}, {unusable}{transient}"


def _counts(counts: dict[str, int]) -> str:
    by_count = sorted(counts.items(), key=lambda pair: -pair[1])
    return f" ({', '.join(f'{name} {count}' for name, count in by_count)})" if counts else ""


def check_transient(index: pa.Table, *, runtime: RuntimeConfig) -> None:
    """Raises DataError if clips exceeded time or memory twice, unless `allow_transient` is set."""
    clips = index.filter(index["transient"])
    if not len(clips) or runtime.allow_transient:
        return
    raise DataError(
        f"{len(clips)} clips could not be read twice, and this machine may be at fault:\n"
        f"{first_of(clips)}\n"
        "`dvc repro` reads their shards again, and nothing else. If that does not help, raise "
        f"runtime.clip_seconds (now {runtime.clip_seconds:g}) or runtime.clip_memory_mb (now "
        f"{runtime.clip_memory_mb}), remove the files, or set runtime.allow_transient: true to go "
        "on without these clips"
    )


if __name__ == "__main__":
    command.run(single_instance(main))
