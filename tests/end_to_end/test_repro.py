"""The real `dvc repro` on the built-in data set, small, and what reruns when something changes."""

import json
import resource

import pyarrow.parquet as pq
import pytest

from spm.base.yaml_file import read_yaml
from tests.project import Project, stages_run

ALL = [
    *("clips", "inventory", "manifest", "frames", "features"),
    *("prompts", "train", "evaluate", "report"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"))
    project.first_output = project.dvc("repro").stdout
    return project


def test_raw_video_becomes_an_accuracy(project):
    assert stages_run(project.first_output) == ALL
    results = json.loads((project.folder / "data/results/evaluate.json").read_text())
    assert (results["way"], results["shot"], results["query"]) == (5, 1, 1)
    assert results["episodes"] == 20
    assert results["text"] == "trained"
    assert results["protocol"].startswith("transductive")
    episodes = pq.read_table(project.folder / "data/results/episodes.parquet")
    mean = sum(episodes["accuracy"].to_pylist()) / 20
    assert results["accuracy"] == pytest.approx(mean, abs=1e-3)
    assert "CLIP-SPM" in project.first_output
    page = (project.folder / "data/report/report.md").read_text()
    for line in page.splitlines():
        if line.startswith("!["):
            assert (project.folder / "data/report" / line.split("(")[1].rstrip(")")).is_file()


def test_with_nothing_changed_only_inventory_runs_and_quickly(project):
    before = _cpu_of_children()
    output = project.dvc("repro").stdout
    assert stages_run(output) == ["inventory"]
    assert _cpu_of_children() - before < 10  # 4; the clock would tell what else the machine does


def _cpu_of_children() -> float:
    """Seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"evaluate.episodes": 25}, ["inventory", "evaluate", "report"]),
        ({"runtime.workers": 1, "runtime.checkpoint_seconds": 5}, ["inventory"]),
        ({"dataset.max_rejected": 0.1}, ["inventory", "manifest", "frames"]),  # early cut-off
    ],
)
def test_a_changed_parameter_reruns_what_it_must(project, parameters, expected):
    project.change(parameters)
    assert stages_run(project.dvc("repro").stdout) == expected


def test_going_back_comes_from_the_cache(project):
    project.change({"evaluate.episodes": 20, "dataset.max_rejected": 0.05})
    output = project.dvc("repro").stdout
    assert "is cached - skipping run, checking out outputs" in output
    assert stages_run(output) == ["inventory"]


def test_editing_the_head_reruns_no_frames(project):
    path = project.folder / "spm/methods/clip_spm/modulation.py"
    text = path.read_text()
    path.write_text(f"{text}\n# edited\n")
    status = project.dvc("status", "--json").stdout
    path.write_text(text)
    assert set(json.loads(status)) - {"inventory"} == {"train", "evaluate", "report"}


def test_dvc_shows_metrics_parameters_and_plots(project):
    assert _width(project.dvc("metrics", "show").stdout) <= 120
    metrics = json.loads(project.dvc("metrics", "show", "--json").stdout)
    shown = metrics[""]["data"] if "" in metrics else metrics
    text = json.dumps(shown)
    assert '"accuracy"' in text
    assert "best_val_accuracy" in text
    project.commit("results")
    project.change({"train.lr": 0.002})
    assert "train.lr" in project.dvc("params", "diff").stdout
    project.change({"train.lr": 0.001})
    project.dvc("plots", "show")
    page = (project.folder / "dvc_plots/index.html").read_text()
    assert "learning curve" in page
    assert "confusion" in page


def _width(table: str) -> int:
    return max(map(len, table.splitlines()))


def test_mlflow_holds_a_run_for_each_stage_with_lineage(project):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.folder}/.state/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments)
    by_stage = {}
    for run in runs:  # the newest first
        by_stage.setdefault(run.data.tags["dvc.stage"], []).append(run)
    assert set(by_stage) == set(ALL) - {"inventory", "features"}  # no tower is frozen
    evaluate = by_stage["evaluate"][-1]
    assert evaluate.data.params["train.lr"] == "0.001"
    assert evaluate.data.params["frames.num_segments"] == "8"
    assert evaluate.data.metrics["accuracy"] > 0
    train = by_stage["train"][-1]
    for run in (by_stage["prompts"][-1], train, evaluate):
        assert run.data.tags["device"].startswith(("cpu: ", "cuda: "))
        assert (run.data.tags["ranks"], run.data.tags["threads"]) == ("1", "1")
    assert evaluate.data.tags["upstream.data/model"] == train.info.run_id
    assert len(client.get_metric_history(train.info.run_id, "val_accuracy")) == 2
    best = client.get_model_version_by_alias("clip-spm-motion", "best")
    assert best.run_id == train.info.run_id
    assert best.tags["out.data/model"] == train.data.tags["out.data/model"]
    last = by_stage["evaluate"][0].data.metrics
    assert float(best.tags["test.accuracy"]) == pytest.approx(last["accuracy"])
    data = {(each.dataset.name, each.tags[0].value) for each in train.inputs.dataset_inputs}
    assert data == {("motion frames", "training"), ("motion prompts", "training")}


def test_nothing_of_this_machine_or_moment_is_in_an_out(project):
    for path in (project.folder / "data").rglob("*"):
        if path.is_file() and path.suffix in (".json", ".md", ".csv", ".parquet", ".h5"):
            assert str(project.folder).encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_two_clean_runs_give_the_same_hashes(tmp_path_factory, finished_project):
    """In another folder, and with tracking."""
    other = Project(tmp_path_factory.mktemp("other"))
    other.dvc("repro")
    assert other.lock() == read_yaml(finished_project.folder / "dvc.lock")["stages"]
