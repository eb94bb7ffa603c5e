"""Runs in a real sqlite store; servers that are dead, or die in mid-run, on the loopback."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import torch

from pipeline.machine.places import RAW
from spm.base.child_python import environment
from spm.base.errors import InputError
from spm.base.hashing import file_hash
from spm.config.episode import EpisodeConfig
from stages.shared import paths
from stages.tracking import provenance
from stages.tracking import runs as tracking
from tests.import_closure import ROOT
from tests.machines import disk, told
from tests.manifests import runtime_values

EPISODE = EpisodeConfig(way=5, shot=1, query=4)
PARAMS = """
dataset: {name: mine, split: lists.yaml, class_texts: {Swing Ball: "swinging, a ball"}}
train: {lr: 3e-05, betas: [0.9, 0.999]}
runtime: """


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_database: Path) -> Path:
    """An empty project folder with a params.yaml; nothing outside it is read or written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIP_SPM_STATE", str(tmp_path / "state"))
    shutil.copy(mlflow_database, paths.state_dir())
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    write_params()
    paths.MANIFEST.parent.mkdir()
    paths.MANIFEST.write_text("clips")
    return tmp_path


def write_params(*, tracking: bool = True, uri: str | None = None) -> None:
    runtime = runtime_values(tracking=tracking, tracking_uri=uri)
    Path("params.yaml").write_text(PARAMS + json.dumps(runtime))


def client() -> Any:
    import mlflow

    return mlflow.MlflowClient(f"sqlite:///{paths.state_dir() / 'mlflow.db'}")


def all_runs() -> list[Any]:
    experiments = [experiment.experiment_id for experiment in client().search_experiments()]
    return list(client().search_runs(experiments))


def test_run_holds_parameters_metrics_artifacts_and_tags(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "brave-fox")
    with tracking.stage_run(
        "train",
        params={"episode": EPISODE},
        deps=[paths.MANIFEST],
        outs=[paths.TRAIN_METRICS],
        tags={"device": "cpu: AVX2"},
    ) as run:
        run.log_history([{"step": 2, "loss": 0.5, "val": ""}, {"step": 4, "loss": 0.25, "val": 1}])
        run.log_metrics({"final": 3.0})
        run.log_artifact(paths.MANIFEST)
        run.set_tag("note", "hello")
        paths.TRAIN_METRICS.write_text("{}")
    recorded = client().get_run(run.run_id)
    assert recorded.info.status == "FINISHED"
    assert recorded.info.run_name == "train (brave-fox)"
    assert recorded.data.params == {"episode.way": "5", "episode.shot": "1", "episode.query": "4"}
    assert recorded.data.metrics == {"loss": 0.25, "val": 1.0, "final": 3.0}
    assert [m.step for m in client().get_metric_history(run.run_id, "loss")] == [2, 4]
    tags = recorded.data.tags
    assert tags["dvc.stage"] == "train"
    assert tags["dvc.experiment"] == "brave-fox"
    assert tags["note"] == "hello"
    assert tags["device"] == "cpu: AVX2"
    assert tags["dep.data/manifest.parquet"] == file_hash(paths.MANIFEST)
    assert tags["out.data/train.json"] == file_hash(paths.TRAIN_METRICS)
    assert client().get_experiment(recorded.info.experiment_id).name == "mine"
    artifacts = workspace / "state" / "mlartifacts" / "mine" / run.run_id / "artifacts"
    assert (artifacts / "manifest.parquet").read_text() == "clips"


def test_the_data_of_a_stage_are_named_as_mlflows_datasets(workspace: Path) -> None:
    paths.FEATURES.mkdir()  # no tower is frozen
    deps = [paths.MANIFEST, paths.FRAMES, paths.FEATURES, paths.WEIGHTS, paths.MODEL]
    for path in (paths.FRAMES, paths.MODEL):
        path.mkdir()
        (path / "index.parquet").write_text(path.name)
    paths.WEIGHTS.write_text("{}")
    runs = {}
    for stage in ("train", "evaluate", "frames"):
        with tracking.stage_run(stage, params={}, deps=deps) as run:
            runs[stage] = run.run_id
    contexts = {"train": "training", "evaluate": "evaluation", "frames": "preparation"}
    hashes = {
        "mine manifest": file_hash(paths.MANIFEST),
        "mine frames": file_hash(paths.FRAMES / "index.parquet"),
    }
    for stage, run_id in runs.items():
        inputs = client().get_run(run_id).inputs.dataset_inputs
        found = {each.dataset.name: each.dataset.digest for each in inputs}
        assert found == {name: content[:36] for name, content in hashes.items()}
        tags = {(tag.key, tag.value) for each in inputs for tag in each.tags}
        assert tags == {("mlflow.data.context", contexts[stage])}
    (frames,) = [each.dataset for each in inputs if each.dataset.name == "mine frames"]
    assert json.loads(frames.source) == {"uri": "data/frames"}


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU number {device.index}")
    tags = provenance.machine_tags(torch.device("cuda", 1), ranks=4)
    assert tags == {
        "device": "cuda: GPU number 1",
        "ranks": "4",
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
    }


def test_upstream_is_found_by_hash(workspace: Path) -> None:
    with tracking.stage_run("manifest", params={}, outs=[paths.MANIFEST]) as upstream:
        pass
    deps = [paths.MANIFEST, paths.INVENTORY]
    with tracking.stage_run("frames", params={}, deps=deps) as linked:
        pass
    paths.MANIFEST.write_text("other clips, restored by DVC")
    with tracking.stage_run("frames", params={}, deps=deps) as restored:
        pass
    found = client().get_run(linked.run_id).data.tags
    assert found["upstream.data/manifest.parquet"] == upstream.run_id
    assert "upstream.data/inventory.parquet" not in found
    cached = client().get_run(restored.run_id).data.tags
    assert cached["upstream.data/manifest.parquet"] == "from cache"


def _artifact_names(run: tracking.Run) -> list[str]:
    return [each.path for each in client().list_artifacts(run.run_id)]


def test_a_page_is_logged_beside_the_newest_run_that_wrote_the_results(workspace: Path) -> None:
    page = Path("report.html")
    page.write_text("page")
    with tracking.stage_run("evaluate", params={}, outs=[paths.MANIFEST]) as older:
        pass
    with tracking.stage_run("evaluate", params={}, outs=[paths.MANIFEST]) as newer:
        pass
    with tracking.stage_run("report", params={}) as report:
        report.log_beside(paths.MANIFEST, file=page)
    assert [_artifact_names(run) for run in (older, newer, report)] == [[], ["report.html"], []]
    assert client().get_run(newer.run_id).info.status == "FINISHED"


def test_a_page_that_is_not_logged_beside_the_results_loses_nothing_else(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path("report.html")
    page.write_text("page")
    with tracking.stage_run("report", params={}) as report:
        report.log_beside(paths.MANIFEST, file=page)
    assert capsys.readouterr().err == "", "DVC restored the manifest, so no run wrote it"
    with tracking.stage_run("manifest", params={}, outs=[paths.MANIFEST]):
        pass
    with tracking.stage_run("report", params={}) as report:
        report.log_beside(paths.MANIFEST, file=Path("gone.html"))
        report.set_tag("after", "yes")
    said = "warning: MLflow has no gone.html beside manifest.parquet: "
    assert said in capsys.readouterr().err
    assert client().get_run(report.run_id).data.tags["after"] == "yes"


def test_whole_chain_logs_all_sections_but_runtime(workspace: Path) -> None:
    with tracking.stage_run("evaluate", params={"episode": EPISODE}, whole_chain=True) as run:
        pass
    assert client().get_run(run.run_id).data.params == {
        "dataset.name": "mine",
        "dataset.split": "lists.yaml",
        "dataset.class_texts": '{"Swing Ball": "swinging, a ball"}',
        "train.lr": "3e-05",
        "train.betas": "[0.9, 0.999]",
    }


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("x"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_a_stage_that_fails_ends_its_run_so(
    workspace: Path, error: BaseException, status: str
) -> None:
    with (
        pytest.raises(type(error)),
        tracking.stage_run("train", params={}, outs=[paths.MANIFEST]) as run,
    ):
        raise error
    recorded = client().get_run(run.run_id)
    assert recorded.info.status == status
    assert "out.data/manifest.parquet" not in recorded.data.tags


def test_a_run_whose_process_was_killed_is_ended_by_the_next(workspace: Path) -> None:
    code = (
        "import os; from stages.tracking import runs\n"
        "with runs.stage_run('train', params={}): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=environment()).returncode == -9
    with tracking.stage_run("train", params={}) as run:
        statuses = {info.info.run_id: info.info.status for info in all_runs()}
        assert statuses.pop(run.run_id) == "RUNNING"
        assert list(statuses.values()) == ["KILLED"]


def test_many_metrics_and_parameters_go_in_batches(workspace: Path) -> None:
    with tracking.stage_run("train", params={}) as run:
        run.log_history({"step": step, "loss": step, "time": 0.0} for step in range(1200))
        run.log_params({f"p{number}": "1" for number in range(150)})
    assert len(client().get_metric_history(run.run_id, "loss")) == 1200
    assert len(client().get_run(run.run_id).data.params) == 150


def test_switched_off_it_does_not_even_import_mlflow(workspace: Path) -> None:
    write_params(tracking=False, uri="http://127.0.0.1:1")
    code = """if True:
        import sys
        from pathlib import Path
        from stages.tracking import runs as tracking
        with tracking.stage_run("train", params={}, deps=[Path("gone")]) as run:
            run.log_metrics({"a": 1.0})
            run.log_history([{"step": 1, "a": 1}])
            run.log_params({"a": "1"})
            run.log_artifact(Path("params.yaml"))
            run.log_beside(Path("gone"), file=Path("params.yaml"))
            run.set_tag("a", "b")
        assert "mlflow" not in sys.modules
    """
    repository = ROOT
    environment = {"PYTHONPATH": str(repository), "CLIP_SPM_STATE": str(workspace / "off")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert not (workspace / "off").exists()


def test_uri_comes_from_params_then_environment_then_state(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stages.shared import params

    runtime = params.load_runtime()
    assert tracking.tracking_uri(runtime) == f"sqlite:///{workspace / 'state' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://shared")
    assert tracking.tracking_uri(runtime) == "http://shared"
    chosen = runtime.model_copy(update={"tracking_uri": "http://mine"})
    assert tracking.tracking_uri(chosen) == "http://mine"


def test_a_dead_server_is_an_error_before_the_work(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
    write_params(uri="http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(InputError) as error, tracking.stage_run("train", params={}):
        pytest.fail("the stage's work started")
    assert "http://127.0.0.1:9" in str(error.value)
    assert "runtime.tracking: false" in str(error.value)
    assert time.monotonic() - started < 6


@pytest.mark.parametrize("where", ["params.yaml", "MLFLOW_TRACKING_URI"])
@pytest.mark.parametrize("uri", ["localhost:5000", "htp://tracking", "mlruns.db://x", "foo", "./a"])
def test_an_address_of_no_store(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, uri: str, where: str
) -> None:
    if where == "params.yaml":
        write_params(uri=uri)
    else:
        monkeypatch.setenv(where, uri)
    with pytest.raises(InputError) as error, tracking.stage_run("train", params={}):
        pytest.fail("the stage's work started")
    said = str(error.value).replace(uri, "localhost:5000")
    assert told("an address that is none, for MLflow").search(said)


def test_no_room_for_the_database(workspace: Path) -> None:
    with (
        disk(workspace / "state", options="size=100k"),
        pytest.raises(InputError) as error,
        tracking.stage_run("train", params={}),
    ):
        pytest.fail("the stage's work started")
    assert told("full: MLflow's database").search(str(error.value))


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_server_on_this_machine_is_asked_without_a_proxy(
    workspace: Path, server: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """One elsewhere is asked as the environment says."""
    for each in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(each, "elsewhere.org")
    monkeypatch.setenv(name, f"{'socks5' if name == 'all_proxy' else 'http'}://127.0.0.1:9")
    write_params(uri=server.uri)
    with tracking.stage_run("train", params={}) as run:
        run.log_metrics({"loss": 1.0})
    assert any(path.endswith("runs/log-batch") for path in server.seen)
    if name != "all_proxy":
        with pytest.raises(InputError, match="Connection refused"):
            tracking.check_server("http://tracking.example")
    assert os.environ["no_proxy"] == "elsewhere.org,localhost,127.0.0.1,::1"


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_where_everything_is_exempt_it_stays_so(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for each in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(each, "*" if each == name else "")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    tracking.prepare_environment()
    assert urllib.request.proxy_bypass("tracking.example")
    assert requests.utils.should_bypass_proxies("http://tracking.example", no_proxy=None)


def test_a_web_server_that_is_no_mlflow_is_an_error_too(workspace: Path, server: Any) -> None:
    server.answers = {}
    write_params(uri=server.uri)
    with pytest.raises(InputError, match="cannot be used"), tracking.stage_run("x", params={}):
        pytest.fail("the stage's work started")


def test_a_server_that_goes_away_costs_one_warning(
    workspace: Path,
    server: Any,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    write_params(uri=server.uri)
    with tracking.stage_run("train", params={}, outs=[paths.MANIFEST]) as run:
        run.log_metrics({"loss": 1.0})
        assert any(path.endswith("runs/log-batch") for path in server.seen)
        server.stop()
        stopped = time.monotonic()
        for step in range(5):
            run.log_history([{"step": step, "loss": 1.0}])
        run.log_artifact(paths.MANIFEST)
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: ")
    assert not caplog.records
    assert time.monotonic() - stopped < 8


class Server:
    """As much of MLflow's REST interface as one run needs."""

    answers: dict[str, Any]

    def __init__(self) -> None:
        run = {"info": {"run_id": "r1", "experiment_id": "1", "status": "RUNNING"}}
        self.answers = {
            "runs/search": {"runs": []},
            "experiments/get-by-name": {"experiment": {"experiment_id": "1", "name": "mine"}},
            "runs/create": {"run": run | {"data": {}}},
            "runs/log-batch": {},
            "runs/log-inputs": {},
        }
        self.seen: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path = self.path.split("?")[0]
                outer.seen.append(path)
                known = path == "/" or path.split("mlflow/")[-1] in outer.answers
                self.send_response(200 if known else 404)
                self.end_headers()
                self.wfile.write(json.dumps(outer.answers.get(path.split("mlflow/")[-1])).encode())

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def test_content_hash_of_folders(workspace: Path) -> None:
    folder = Path("data/model")
    assert provenance.content_hash(folder) == "absent"
    folder.mkdir()
    (folder / "a").write_text("1")
    before = provenance.content_hash(folder)
    (folder / "a").write_text("2")
    assert provenance.content_hash(folder) != before
    (folder / "index.parquet").write_text("index")
    assert provenance.content_hash(folder) == file_hash(folder / "index.parquet")


def test_content_hash_of_raw_clips_reads_none_of_them(workspace: Path) -> None:
    folder = RAW / "mine"
    folder.mkdir(parents=True)
    (folder / "a.mp4").write_text("1")
    before = provenance.content_hash(folder)
    (folder / "a.mp4").write_text("2")
    assert provenance.content_hash(folder) == before
    (folder / "a.mp4").write_text("longer")
    assert provenance.content_hash(folder) != before


def test_parameters_have_the_names_that_a_grid_gives_them() -> None:
    split = {"seed": 0, "train": 3}
    values = {"dataset": {"split": split, "class_texts": {}, "generator": {"seed": 1}}}
    assert provenance.as_text(values) == {
        "dataset.split": '{"seed": 0, "train": 3}',
        "dataset.class_texts": "{}",
        "dataset.generator.seed": "1",
    }


def test_a_value_that_is_too_long_is_cut_but_stays_distinct() -> None:
    one, other = "a" * 7000, "a" * 6999 + "b"
    cut = provenance.as_text({"x": one, "y": other})
    assert len(cut["x"]) == 6000
    assert cut["x"] != cut["y"]


def test_git_tags_name_the_commit(workspace: Path) -> None:
    def git(*arguments: str) -> None:
        user = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *user, *arguments], check=True, capture_output=True)

    assert "mlflow.source.git.commit" not in provenance.stage_tags("x")
    Path("dvc.lock").write_text("1")
    git("init")
    git("add", "params.yaml", "dvc.lock")
    git("commit", "-m", "start")
    clean = provenance.stage_tags("x")
    assert len(clean["mlflow.source.git.commit"]) == 40
    Path("dvc.lock").write_text("2")
    assert provenance.stage_tags("x")["git.dirty"] == clean["git.dirty"] == "false"
    write_params(tracking=False)
    assert provenance.stage_tags("x")["git.dirty"] == "true"


def test_a_repository_that_git_refuses_is_a_warning_in_gits_words(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "git.dirty" not in provenance.stage_tags("x")
    assert capsys.readouterr().err == ""  # an archive without git: nothing is missing
    subprocess.run(["git", "init", "-q"], check=True)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own, for its tests
    assert "git.dirty" not in provenance.stage_tags("x")
    said = capsys.readouterr().err
    assert said.startswith("warning: MLflow is not told the git commit: git in ")
    assert "dubious ownership" in said
