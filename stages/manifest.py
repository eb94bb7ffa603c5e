"""Stage `manifest`: every clip with its class, class text and split, or why it is rejected."""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

from spm import manifest
from spm.atomic import atomic_path
from spm.config.dataset import DatasetConfig
from stages import command, params, paths, split_lists, tracking


def main() -> None:
    (dataset,) = params.load(dataset=DatasetConfig)
    split = split_lists.load(dataset)
    with tracking.stage_run(
        "manifest", params={"dataset": dataset}, deps=[paths.INVENTORY], outs=[paths.MANIFEST]
    ) as run:
        inventory = pq.read_table(paths.INVENTORY)
        clips = manifest.build(inventory, dataset=dataset, split=split)
        with atomic_path(paths.MANIFEST) as temporary:
            pq.write_table(clips, temporary)
        _print_rejected(clips)
        run.log_metrics(_print_splits(clips))


def _print_splits(clips: pa.Table) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for split, classes in manifest.clip_counts(clips).items():
        metrics[f"classes_{split}"] = len(classes)
        metrics[f"clips_{split}"] = sum(classes.values())
        print(f"{split}: {len(classes)} classes, {sum(classes.values())} clips")
    metrics["clips_rejected"] = sum(status == "rejected" for status in clips["status"].to_pylist())
    return metrics


def _print_rejected(clips: pa.Table) -> None:
    reasons = Counter(reason for reason in clips["reason"].to_pylist() if reason)
    for reason, number in reasons.most_common():
        print(f"rejected: {number} ({reason})")


if __name__ == "__main__":
    command.run(main)
