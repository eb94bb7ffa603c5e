"""From each benchmark's layout to an accuracy: preset, lists, `dvc repro`, on a miniature."""

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from spm.dataset.benchmarks import load_benchmark
from tests import miniatures
from tests.project import Project

pytestmark = pytest.mark.slow

# All that is large made small; what the preset says of the data set stays.
TINY = {
    "frames.num_segments": 4,
    "frames.short_side": 56,
    "frames.num_shards": 4,
    "prompts.num_templates": 1,
    "episode.query": 1,
    "backbone.name": "builtin-clip",
    "backbone.weights": None,
    "backbone.batch_norm": "batch",
    "model.heads": 2,
    "model.head_dim": 8,
    "model.hidden_dim": 16,
    "train.episodes": 4,
    "train.accumulate": 2,
    "train.validate_every": 4,
    "train.validate_episodes": 2,
    "train.validate_query": 1,
    "evaluate.episodes": 20,
    "evaluate.query": 1,
    "evaluate.batch": 10,
    "evaluate.inductive_episodes": 5,
    "report.queries": 1,
    "runtime.workers": 1,
    "runtime.tracking": False,
}
LISTS = {"hmdb51": None}
VARIANTS = {"hmdb51": "class_folders"}


@pytest.mark.parametrize("name", ["hmdb51", "ucf101", "kinetics100", "ssv2_small", "ssv2_full"])
def test_archives_become_an_accuracy(tmp_path, name):
    project = Project(tmp_path)
    preset = [sys.executable, "-m", "pipeline.preset", name, "--shot", "1", "--backbone", "RN50"]
    subprocess.run(preset, cwd=tmp_path, check=True, env=project.environment())
    project.change(TINY | {"dataset.lists": LISTS.get(name, f"data/splits/{name}")})
    getattr(miniatures, name)(tmp_path / "data/raw" / name, tmp_path / "data/splits" / name)
    said = project.dvc("repro").stdout

    benchmark = load_benchmark(name)
    classes = {split: len(members) for split, members in benchmark.classes.items()}
    results = json.loads((tmp_path / "data/results/evaluate.json").read_text())
    coverage = results["coverage"]
    assert (results["dataset"], results["episodes"]) == (name, 20)
    assert (coverage["benchmark"], coverage["variant"]) == (name, VARIANTS.get(name, "custom"))
    usable = {split: coverage["splits"][split]["usable"] for split in classes}
    assert usable == {split: miniatures.CLIPS * number for split, number in classes.items()}

    published = sum(benchmark.counts(benchmark.variants[0])["test"].values())
    assert coverage["splits"]["test"]["published"] == published
    assert f"test clips: {usable['test']} of the published {published:,}" in said
    _check_manifest(tmp_path / "data/manifest.parquet", name=name)
    assert ("no clips by their names: 1 .txt" in said) == (name == "hmdb51")
    page = (tmp_path / "data/report/report.md").read_text()
    assert f"{name}, {coverage['variant']}: {coverage['says']}" in page


def _check_manifest(path, *, name):
    """The copy, the file that belongs to nothing, and the listed clip without a file.

    HMDB51's such file is a readme, which is no clip by its name and has no row.
    """
    rows = pq.read_table(path).to_pylist()
    by_status = {}
    for row in rows:
        by_status.setdefault(row["status"], []).append(row)
    assert len(by_status["duplicate"]) == 1
    rejected = by_status.get("rejected", [])
    assert [row["split"] for row in rejected] == ([] if name == "hmdb51" else [""])
    assert len(by_status.get("missing", [])) == (name != "hmdb51")
