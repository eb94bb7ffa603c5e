"""Decoding in a Dask cluster: processes that share nothing with the stage but the disk."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from distributed import LocalCluster

from bench.burnt import write_clip
from pipeline.decoding import decode
from pipeline.decoding.dask_cluster import own_address
from pipeline.decoding.shard_decoder import DecodeJob, decode_shard_in_cluster
from pipeline.decoding.shard_plan import plan_shards
from spm.base.errors import ConfigError, DataError
from spm.config.base import validate
from spm.config.runtime import RuntimeConfig
from spm.isolation.watched_process import Limits
from tests.decoding.test_decode import build, hashes
from tests.import_closure import ROOT
from tests.machines import told
from tests.manifests import frames_config, make_manifest, runtime_config
from tests.project import wait_until

FAULTY = str(ROOT / "tests" / "faulty")


class Cluster:
    """A scheduler and two workers with one thread each."""

    def __init__(self, folder: Path, **environment: str) -> None:
        folder.mkdir()
        self._environment = {"PYTHONPATH": os.pathsep.join([str(ROOT), FAULTY]), **environment}
        self._folder, place = folder, folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(place))
        wait_until(lambda: place.is_file() and place.read_text().endswith("}"))
        self.address = json.loads(place.read_text())["address"]
        self.workers = [self._start("worker", self.address, "--nthreads", "1") for _ in range(2)]

    def _start(self, *command: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *command, "--no-dashboard"],
            cwd=self._folder,
            env={**os.environ, **self._environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        for process in (*self.workers, self.scheduler):
            kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """With its children, as when a machine is switched off."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def clusters(tmp_path):
    """Starts clusters."""
    started = []

    def start(**environment: str) -> Cluster:
        started.append(Cluster(tmp_path / f"cluster{len(started)}", **environment))
        return started[-1]

    yield start
    for cluster in started:
        cluster.kill()


@pytest.fixture
def project(tmp_path):
    """Clips that take their time to be read."""
    for number in range(24):
        path = tmp_path / "videos" / "ab"[number % 2] / f"slow_{number:02d}.mp4"
        write_clip(path, num_frames=16, first=10 * number)
    return tmp_path


STAGE = """
import sys
from pathlib import Path
from tests.manifests import runtime_config
from tests.decoding.test_decode import build
project, home, address = sys.argv[1:]
build(Path(project), home=Path(home), runtime=runtime_config(runner="dask", dask_scheduler=address))
"""


def start_stage(project, address: str) -> "subprocess.Popen[bytes]":
    """With a Prefect server of its own."""
    environment = {name: v for name, v in os.environ.items() if not name.startswith("PREFECT")}
    return subprocess.Popen(
        [sys.executable, "-c", STAGE, project, project / "prefect", address],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )


def in_store(project) -> set[str]:
    return {path.name for path in (project / "store").glob("*.h5")}


@pytest.mark.slow
def test_all_killed_halfway_and_resumed_in_another_cluster(
    project, clusters, prefect_home, monkeypatch
):
    cluster = clusters()
    stage = start_stage(project, cluster.address)
    wait_until(lambda: len(in_store(project)) >= 2)
    kill(stage)
    cluster.kill()
    there = in_store(project)

    runtime = runtime_config(runner="dask", dask_scheduler=clusters().address)
    decoded, num_shards = build(project, home=prefect_home, runtime=runtime)
    assert 0 < decoded == num_shards - len(there) < num_shards
    in_cluster = hashes(project / "frames")
    (project / "store").rename(project / "store of the cluster")
    monkeypatch.setenv("PYTHONPATH", FAULTY)
    assert build(project, home=prefect_home)[0] == num_shards
    assert hashes(project / "frames") == in_cluster


@pytest.mark.slow
def test_a_worker_that_dies_is_made_up_for(project, clusters, prefect_home):
    cluster = clusters()
    stage = start_stage(project, cluster.address)
    wait_until(lambda: len(in_store(project)) >= 1)
    kill(cluster.workers[0])
    assert stage.wait(120) == 0
    assert build(project, home=prefect_home)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9"])
def test_workers_behind_a_proxy(project, clusters, prefect_home, proxy):
    kind = "http_proxy" if proxy.startswith("http") else "ALL_PROXY"
    stage = start_stage(project, clusters(**{kind: proxy}).address)
    assert stage.wait(180) == 0
    assert build(project, home=prefect_home)[0] == 0


@pytest.mark.parametrize("url", ["http://prefect.example/api", "http://localhost:4200/api", ""])
def test_a_prefect_server_elsewhere_is_asked_as_the_workers_environment_says(monkeypatch, url):
    monkeypatch.setenv("PREFECT_API_URL", url)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "elsewhere.org")
    with LocalCluster(
        n_workers=1, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None
    ) as cluster:
        own_address(cluster.scheduler_address)
    assert os.environ["no_proxy"] == ("elsewhere.org" if "example" in url else "*")


@pytest.mark.slow
def test_a_worker_without_the_project(clusters):
    cluster = clusters(PYTHONPATH="")
    with pytest.raises(ConfigError) as error:
        own_address_of_two(cluster)
    assert told("a Dask worker elsewhere").search(str(error.value))


def own_address_of_two(cluster: Cluster) -> str:
    """Once both workers are there."""
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    return own_address(cluster.address)


def test_a_scheduler_that_does_not_answer_is_named():
    with pytest.raises(ConfigError, match=r"'tcp://127\.0\.0\.1:9'.*`dask scheduler`"):
        own_address("tcp://127.0.0.1:9")


def test_a_cluster_needs_an_address():
    values = runtime_config().model_dump() | {"runner": "dask"}
    with pytest.raises(ConfigError, match=r"runtime: runner: dask needs the address of a "):
        validate(RuntimeConfig, values, name="runtime")


def test_a_worker_with_other_code_decodes_nothing(tmp_path):
    write_clip(tmp_path / "videos/a/1.mp4")
    frames = frames_config()
    (shard,) = plan_shards(make_manifest(tmp_path / "videos"), frames=frames)
    job = DecodeJob(tmp_path, tmp_path / "videos", frames, Limits(9, 999), recipe="of other code")
    with pytest.raises(DataError, match="has other code or other versions of the packages"):
        decode_shard_in_cluster(shard, job=job)
    assert not (tmp_path / shard.name).exists()


def test_a_store_that_the_workers_do_not_share_is_named(project, monkeypatch):
    for name in ("decode_in_cluster", "ensure_server", "own_address"):
        monkeypatch.setattr(decode, name, lambda *args, **options: None)
    runtime = runtime_config(runner="dask", dask_scheduler="tcp://cluster:8786")
    with pytest.raises(DataError, match=r"decoded 8 shards, but 8 of them are not in .*/store"):
        build(project, home=project, runtime=runtime)
