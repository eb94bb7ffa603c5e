"""Stage `manifest`: lists every clip with class, class text and split, or reason of rejection."""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

from spm.base.atomic import atomic_path
from spm.config.dataset import DatasetConfig
from spm.dataset import manifest, split_lists
from spm.dataset.coverage import about, coverage, metrics
from stages.shared import command, params, paths
from stages.shared.single_instance import single_instance
from stages.shared.tables import read_table
from stages.tracking import runs as tracking


def main() -> None:
    (dataset,) = params.load(dataset=DatasetConfig)
    split = split_lists.load(dataset, folder=paths.SPLITS)
    with tracking.stage_run(
        "manifest", params={"dataset": dataset}, deps=[paths.INVENTORY], outs=[paths.MANIFEST]
    ) as run:
        inventory = read_table(paths.INVENTORY)
        clips = manifest.build(inventory, dataset=dataset, split=split)
        with atomic_path(paths.MANIFEST) as temporary:
            pq.write_table(clips, temporary)
        _print_reasons(clips)
        for warning in manifest.same_text(clips):
            print(f"warning: {warning}")
        run.log_metrics(_print_splits(clips) | _print_same_content(clips))


def _print_splits(clips: pa.Table) -> dict[str, float]:
    found = coverage(clips)
    for split, counts in found.items():
        print(f"{split}: {len(counts['classes'])} classes; {counts['line']}")
    if line := about(clips)["line"]:
        print(line)
    classes = {f"{split}_classes": len(counts["classes"]) for split, counts in found.items()}
    return metrics(found) | classes


def _print_reasons(clips: pa.Table) -> None:
    reasons = Counter(zip(*(clips[name].to_pylist() for name in ("status", "reason")), strict=True))
    for (status, reason), number in reasons.most_common():
        if status in ("rejected", "missing"):
            print(f"{status}: {number} ({reason})")


def _print_same_content(clips: pa.Table) -> dict[str, float]:
    """Warns of clips with the same content in two splits: the test would ask what was trained."""
    groups = manifest.same_content(clips)
    across = [rows for rows in groups if len({row["split"] for row in rows}) > 1]
    for rows in across:
        names = ", ".join(f"{row['id']} ({row['split']})" for row in rows)
        print(f"warning: the same clip in two splits: {names}")
    return {"same_content": len(groups), "same_content_across_splits": len(across)}


if __name__ == "__main__":
    command.run(single_instance(main))
