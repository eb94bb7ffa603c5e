"""The decode flow, end to end on small clips. All tests share one Prefect server."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bench.burnt import numbers, write_clip
from pipeline.decoding import decode
from pipeline.decoding.decode import fill_store
from pipeline.decoding.frames_folder import write_folder
from pipeline.decoding.shard_plan import plan_shards
from spm.base.errors import DataError
from spm.base.hashing import file_hash
from spm.frames.clip_index import INDEX
from spm.frames.integrity import INTEGRITY
from spm.frames.store import FrameStore
from spm.isolation.isolated_reader import IsolatedReader
from tests.import_closure import ROOT
from tests.manifests import frames_config, make_manifest, runtime_config


@pytest.fixture
def project(tmp_path):
    """Twenty clips of two classes, one of them broken."""
    for number in range(20):
        suffix, codec = (".avi", "mpeg4") if number % 4 == 0 else (".mp4", "libx264")
        path = tmp_path / "videos" / "ab"[number % 2] / f"{number:02d}{suffix}"
        write_clip(path, codec=codec, num_frames=16, first=10 * number)
    (tmp_path / "videos/a/broken.mp4").write_bytes(b"x" * 1000)
    return tmp_path


def build(project, *, home, runtime=None, **changes):
    """(number of shards decoded, number of shards)."""
    manifest = make_manifest(project / "videos", rejected={"c/1.mp4": "class is in no split"})
    frames = frames_config(**changes)
    shards = plan_shards(manifest, frames=frames)
    store, out = project / "store", project / "frames"
    decoded = fill_store(
        shards,
        store=store,
        videos=project / "videos",
        frames=frames,
        runtime=runtime or runtime_config(),
        prefect_home=home,
    )
    write_folder(out, manifest=manifest, shards=shards, store=store, frames=frames)
    return decoded, len(shards)


def hashes(folder):
    return {path.name: file_hash(path) for path in folder.iterdir()}


def test_decodes_once_and_only_what_is_missing(project, prefect_home, monkeypatch, capsys):
    decoded, num_shards = build(project, home=prefect_home)
    assert decoded == num_shards > 4
    _check_contents(project / "frames")
    first = hashes(project / "frames")

    monkeypatch.setattr(decode, "decode_here", _no_flow)
    assert build(project, home=prefect_home)[0] == 0
    assert hashes(project / "frames") == first
    monkeypatch.undo()

    write_clip(project / "videos/a/new.mp4", num_frames=16)
    assert build(project, home=prefect_home)[0] == 1
    (project / "videos/a/new.mp4").unlink()
    assert build(project, home=prefect_home)[0] == 0
    assert hashes(project / "frames") == first

    # The largest, since one without a clip has bytes that mean nothing; a hard link of the store's.
    _damage(max((project / "frames").glob("*.h5"), key=lambda path: path.stat().st_size))
    assert hashes(project / "frames") != first
    assert build(project, home=prefect_home)[0] == 1
    assert hashes(project / "frames") == first
    assert "is damaged: making it again" in capsys.readouterr().err

    again = project / "again"
    again.mkdir()
    (project / "videos").rename(again / "videos")  # another place, store and number of workers
    build(again, home=prefect_home)
    assert hashes(again / "frames") == first


def _check_contents(folder):
    index = pq.read_table(folder / INDEX)
    assert index["id"].to_pylist() == sorted(index["id"].to_pylist())
    rows = {row["id"]: row for row in index.to_pylist()}
    assert len(rows) == 22
    assert rows["a/broken.mp4"]["reason"].startswith("unreadable: Invalid data")
    assert rows["c/1.mp4"]["reason"] == "class is in no split"
    for name in ("a/broken.mp4", "c/1.mp4"):
        row = rows[name]
        assert (row["status"], row["shard"], row["row"]) == ("rejected", "", -1)
    assert rows["a/04.avi"]["reader"] == rows["b/05.mp4"]["reader"] == "pyav-seek"
    assert (rows["b/05.mp4"]["width"], rows["b/05.mp4"]["height"]) == (43, 32)
    assert rows["b/05.mp4"]["video_frames"] == 16
    named = {row["shard"] for row in rows.values()} - {""}
    assert named <= {path.name for path in folder.glob("*.h5")}

    store = FrameStore(folder)
    for clip, clip_id in enumerate(store.clips["id"].to_pylist()):
        first = 10 * int(Path(clip_id).stem)
        assert numbers(store.read(clip)) == [first + 2, first + 6, first + 10, first + 14]
    report = json.loads((folder / INTEGRITY).read_text())
    assert (report["clips"], report["ok"], report["rejected"]) == (21, 20, 1)
    assert report["readers"] == {"pyav-seek": 20}
    assert report["coverage"]["train"]["classes"]["a"]["usable"] == 10
    assert report["coverage"]["train"]["classes"]["a"]["rejected"] == 1
    assert report["reasons"]["class is in no split"] == 1
    assert set(report["unusable_clips"]) == {"a/broken.mp4"}


def _no_flow(*args, **kwargs):
    raise AssertionError("nothing is missing: no flow is needed")


def _damage(path):
    with open(path, "r+b") as file:
        file.seek(-50, os.SEEK_END)
        file.write(b"damage")


def test_jpeg_and_several_samples(project, prefect_home):
    build(project, home=prefect_home, storage="jpeg", samples_per_segment=2, num_shards=2)
    store = FrameStore(project / "frames")
    assert (store.num_frames, store.samples_per_segment) == (4, 2)
    clip = store.clips["id"].to_pylist().index("b/05.mp4")
    assert numbers(store.read(clip)) == [53, 57, 61, 65]


def test_squares_of_clips_that_are_long_enough(project, prefect_home):
    write_clip(project / "videos/a/long.mp4", num_frames=17)
    build(
        project,
        home=prefect_home,
        keep_aspect=False,
        short_clips="reject",
        num_segments=17,
        num_shards=2,
    )
    store = FrameStore(project / "frames")
    assert store.clips["id"].to_pylist() == ["a/long.mp4"]
    assert store.read(0).shape == (17, 32, 32, 3)
    reasons = json.loads((project / "frames" / INTEGRITY).read_text())["reasons"]
    assert reasons["short: has 16 frames, a clip takes 17"] == 20


def test_a_task_that_fails_fails_the_stage(project, prefect_home, monkeypatch):
    read = IsolatedReader.read

    def full(self, path, **options):
        if path.name == "07.mp4":
            raise OSError("no space left on device")
        return read(self, path, **options)

    monkeypatch.setattr(IsolatedReader, "read", full)
    with pytest.raises(OSError, match="no space left"):
        build(project, home=prefect_home)
    monkeypatch.undo()
    decoded, num_shards = build(project, home=prefect_home)
    assert 1 <= decoded < num_shards


def test_absent_videos_are_named_before_anything_is_decoded(project, monkeypatch):
    monkeypatch.setattr(decode, "ensure_server", _no_flow)
    frames = frames_config()
    shards = plan_shards(make_manifest(project / "videos"), frames=frames)
    with pytest.raises(DataError, match=r"21 of 21 videos to decode are not in .*runtime\.root"):
        fill_store(
            shards,
            store=project / "store",
            videos=project / "elsewhere",
            frames=frames,
            runtime=runtime_config(),
            prefect_home=project,
        )


def test_a_bad_file_costs_one_file(project, prefect_home, monkeypatch, capsys):
    """What is the file's fault is final; what may be the machine's is tried again, and next time.

    `hangonce` hangs at its first reading only, as on a machine that is busy for a while.
    """
    for fault in ("segfault", "hang", "grow", "hangonce"):
        write_clip(project / f"videos/a/{fault}.mp4", num_frames=16)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "faulty"))
    limits = runtime_config(clip_seconds=2, clip_memory_mb=300)
    decoded, num_shards = build(project, home=prefect_home, runtime=limits)
    assert decoded == num_shards
    assert "ran out of time or memory: once more, alone" in capsys.readouterr().out
    crashed, first = "the decoder crashed (SIGSEGV)", outcomes(project)
    assert first["a/segfault.mp4"] == ("rejected", crashed, False)
    assert first["a/hang.mp4"] == ("rejected", "out of time: not read within 2 s", True)
    assert first["a/grow.mp4"] == ("rejected", "out of memory: takes more than 300 MB", True)
    assert first["a/hangonce.mp4"] == ("ok", "", False)

    monkeypatch.delenv("PYTHONPATH")  # PyAV itself again, with which all of them are good
    decoded, _ = build(project, home=prefect_home)
    assert decoded == len({shard_of(project, f"a/{name}.mp4") for name in ("hang", "grow")})
    good = {"a/hang.mp4": ("ok", "", False), "a/grow.mp4": ("ok", "", False)}
    assert outcomes(project) == first | good
    assert build(project, home=prefect_home)[0] == 0


def outcomes(project):
    """id -> (status, reason, transient)."""
    rows = pq.read_table(project / "frames" / INDEX).to_pylist()
    return {row["id"]: (row["status"], row["reason"], row["transient"]) for row in rows}


def shard_of(project, clip_id):
    rows = pq.read_table(project / "frames" / INDEX).to_pylist()
    return {row["id"]: row["shard"] for row in rows}[clip_id]


KILLED = """
import sys, time
from pathlib import Path
from spm.isolation.isolated_reader import IsolatedReader
from tests.decoding.test_decode import build
read = IsolatedReader.read
def slowly(self, path, **options):
    time.sleep(0.15)
    return read(self, path, **options)
IsolatedReader.read = slowly
build(Path(sys.argv[1]), home=Path(sys.argv[2]))
"""


def test_killed_halfway_decodes_only_the_rest(project, prefect_home):
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, project, prefect_home], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    store = project / "store"
    _wait_for(lambda: len(list(store.glob("*.h5"))) >= 2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    there = set(store.iterdir())
    assert all(path.suffix == ".h5" for path in there if not path.name.startswith("."))

    decoded, num_shards = build(project, home=prefect_home)
    assert decoded == num_shards - len({path for path in there if path.suffix == ".h5"})
    assert 0 < decoded < num_shards
    _check_contents(project / "frames")


SERVER = """
import sys, time
from pathlib import Path
from pipeline.machine.prefect_server import ensure_server
ensure_server(Path(sys.argv[1]))
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_the_server_ends_with_a_stage_that_is_killed(tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    stage = subprocess.Popen(
        [sys.executable, "-c", SERVER, tmp_path / "home"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
    )
    assert stage.stdout.readline() == b"up\n"
    children = Path(f"/proc/{stage.pid}/task/{stage.pid}/children").read_text().split()
    assert len(children) == 1
    stage.kill()
    stage.wait()
    _wait_for(lambda: not _runs(children[0]))


def _runs(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait_for(condition, *, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
