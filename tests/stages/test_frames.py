"""The stage `frames`, in a project folder of its own."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from bench.burnt import write_clip
from pipeline.decoding import decode
from spm.base.errors import DataError, StorageError
from spm.dataset.rejections import check_rejected
from spm.frames.checked_file import REBUILD
from spm.frames.store import FrameStore
from stages import frames
from stages.shared import paths
from tests.import_closure import ROOT
from tests.machines import disk, told
from tests.manifests import make_manifest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Ten clips and a params.yaml, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIP_SPM_STATE", str(tmp_path / "state"))
    for number in range(10):
        write_clip(tmp_path / f"root/own/{'ab'[number % 2]}/{number}.mp4", num_frames=8)
    write_params()
    write_manifest()
    return tmp_path


def write_params(*, runtime=None, **dataset):
    document = YAML(typ="safe").load(ROOT / "params.yaml")
    document["dataset"].update({"name": "own", **dataset})
    document["frames"].update({"short_side": 32, "num_shards": 4})
    document["runtime"].update({"root": "root", "tracking": False, **(runtime or {})})
    YAML().dump(document, Path("params.yaml"))


def write_manifest(**rejected):
    table = make_manifest(Path("root/own"), rejected=rejected)
    paths.MANIFEST.parent.mkdir(exist_ok=True)
    pq.write_table(table, paths.MANIFEST)


def test_frames_are_built_and_summed_up(project, prefect_home, capsys):
    frames.main()
    out = capsys.readouterr().out
    assert "frames: 10 clips usable (pyav-seek 10), 0 unusable\n" in out
    assert len(FrameStore(paths.FRAMES).clips) == 10


def test_a_second_run_needs_neither_prefect_nor_the_videos(project, prefect_home, capsys):
    frames.main()
    Path("root").rename("gone")
    code = """
import sys
from stages import frames
frames.main()
print([name for name in ("prefect", "torch", "mlflow") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0 shards decoded" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_too_many_rejected_clips_end_the_stage(project, prefect_home):
    Path("root/own/a/0.mp4").write_bytes(b"")
    Path("root/own/b/1.mp4").write_bytes(b"text")
    write_manifest()
    with pytest.raises(DataError, match=r"2 of 10 clips are unusable, .*= 0\.05 allows") as error:
        frames.main()
    assert "  a/0.mp4: the file is empty" in str(error.value)
    assert json.loads((paths.FRAMES / "integrity.json").read_text())["rejected"] == 2
    write_params(max_rejected=0.2)
    frames.main()


@pytest.mark.slow
def test_clips_that_run_out_of_time_fail_the_stage_at_its_end(
    project, prefect_home, monkeypatch, capsys
):
    write_clip(project / "root/own/a/hang.mp4", num_frames=8)
    Path("root/own/b/empty.mp4").touch()
    write_manifest()
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "faulty"))
    write_params(max_rejected=0.2, runtime={"clip_seconds": 2})
    with pytest.raises(DataError, match=r"(?s)1 clips could not be read.*allow_transient") as error:
        frames.main()
    assert "  a/hang.mp4: out of time: not read within 2 s" in str(error.value)
    out = capsys.readouterr().out
    assert (
        "frames: 10 clips usable (pyav-seek 10), 2 unusable (out of time 1, the file is empty 1), "
        "1 of these transient\n"
    ) in out
    assert json.loads((paths.FRAMES / "integrity.json").read_text())["transient"] == 1

    write_params(max_rejected=0.2, runtime={"clip_seconds": 2, "allow_transient": True})
    frames.main()
    assert "frames: 1 shards decoded" in capsys.readouterr().out


def test_a_full_disk_and_then_a_larger_one(project, prefect_home, monkeypatch):
    """As a user sees it: nothing of Prefect's, one line; what was decoded is there."""
    with disk(project / "state", options="size=150k") as state:
        with pytest.raises(StorageError) as error:
            frames.main()
        assert told("full: shards").search(f"frames: error: {error.value}")
        there = [path for path in (state / "shards").iterdir() if path.is_file()]
        assert all(path.suffix == ".h5" for path in there)
        grow = ["mount", "-o", "remount,size=50m", str(state)]
        subprocess.run(grow, check=True)
        frames.main()
        assert len(list((state / "shards").glob("*.h5"))) > len(there)
    assert len(FrameStore(paths.FRAMES).clips) == 10


def index(*, ok, rejected, in_no_split, absent=0):
    rows = [{"id": f"{i}", "status": "ok", "split": "train", "reason": ""} for i in range(ok)]
    bad = {"status": "rejected", "reason": "why"}
    rows += [{"id": f"r{i}", "split": "test", **bad} for i in range(rejected)]
    rows += [{"id": f"n{i}", "split": "", **bad} for i in range(in_no_split)]
    rows += [{"id": f"m{i}", "split": "test", **bad, "status": "missing"} for i in range(absent)]
    rows += [{"id": f"d{i}", "split": "test", **bad, "status": "duplicate"} for i in range(absent)]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("rejected", "in_no_split", "absent", "raises"),
    [(0, 50, 50, False), (5, 50, 0, False), (6, 0, 0, True), (6, 0, 50, True)],
)
def test_only_clips_that_are_there_and_asked_for_count(rejected, in_no_split, absent, raises):
    table = index(ok=100 - rejected, rejected=rejected, in_no_split=in_no_split, absent=absent)
    expected = pytest.raises(DataError, match="6 of 100") if raises else nullcontext()
    with expected:
        check_rejected(table, limit=0.05)


def test_a_data_set_that_is_not_there(project, monkeypatch):
    monkeypatch.setattr(decode, "ensure_server", None)
    Path("root").rename("gone")
    with pytest.raises(DataError, match=r"10 of 10 videos to decode are not in .*root/own"):
        frames.main()


DVC_YAML = """
stages:
  frames:
    cmd: python -m stages.frames
    deps: [data/manifest.parquet]
    outs: [data/frames]
"""


@pytest.mark.slow
@pytest.mark.parametrize("store_is_shared", [True, False])
def test_a_damaged_shard_is_rebuilt(project, prefect_home, store_is_shared):
    """With DVC, whose cache shares the damaged file with data/frames, and may with the store.

    Where the store is whole, the reader finds the damage, and the command it names is run. Where it
    is damaged as well, the stage finds that by itself.
    """
    Path("dvc.yaml").write_text(DVC_YAML)
    shell("git init -q && dvc init -q && dvc config cache.type hardlink,symlink,copy && dvc repro")
    if not store_is_shared:
        store = project / "state/shards"
        store.rename(project / "state/old")
        shell("cp -r state/old state/shards")
    shard = next(paths.FRAMES.glob("*.h5"))
    shard.chmod(0o644)
    with open(shard, "r+b") as file:
        file.seek(-50, os.SEEK_END)
        file.write(b"damage")
    shard.chmod(0o444)
    with pytest.raises(DataError, match="is damaged") as error:
        read_all()
    shell(
        REBUILD.format(stage="frames")
        if store_is_shared
        else str(error.value).split("Rebuild it: ")[1]
    )
    read_all()
    shell("rm -r data/frames && dvc checkout")
    read_all()


def read_all():
    store = FrameStore(paths.FRAMES)
    for clip in range(len(store.clips)):
        store.read(clip)


def shell(command):
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([bin_folder, os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "DVC_NO_ANALYTICS": "1",
    }
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
