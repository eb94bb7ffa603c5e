"""Folders that are full, closed or no folders: one sentence, and nothing half-written."""

import errno
import sqlite3
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from bench.burnt import write_clip
from spm.base.atomic import atomic_path
from spm.base.errors import StorageError
from spm.base.new_hdf5 import new_hdf5
from spm.base.unwritable import explained, make_writable, writing
from spm.episodes.training_data import load_episodes
from spm.frames.shard_writer import write_shard
from spm.model.prompts import PromptFeatures
from spm.training.checkpoint import hold
from spm.video.clip import Clip
from tests.import_closure import ROOT
from tests.machines import disk, told, without_rights

BIG = np.random.default_rng(0).integers(0, 255, 1 << 20, dtype=np.uint8)


@pytest.fixture
def small(tmp_path):
    """A disk with room for 300 kB."""
    with disk(tmp_path / "small", options="size=300k") as folder:
        yield folder


def insert(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (b)")
        database.execute("INSERT INTO t VALUES (zeroblob(1000000))")


def save_torch(path):
    with open(path, "wb") as file:
        torch.save({"a": torch.from_numpy(BIG)}, file)


def save_hdf5(path):
    with new_hdf5(path) as file:
        file["a"] = BIG


WRITERS = {
    "text": lambda path: path.write_text("x" * (1 << 20), encoding="utf-8"),
    "torch": save_torch,
    "hdf5": save_hdf5,
    "safetensors": lambda path: save_file({"a": torch.from_numpy(BIG)}, path),
    "parquet": lambda path: pq.write_table(pa.table({"a": BIG}), path),
    "sqlite": insert,
    "mp4": lambda path: write_clip(path.with_suffix(".mp4"), num_frames=200, size=(640, 480)),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_whoever_writes(small, writer):
    with pytest.raises(StorageError) as error, writing(small):
        WRITERS[writer](small / "file")
    assert str(error.value).startswith(f"{small} cannot be written: its disk was full")
    assert told("full: any file").search(str(error.value))


def test_a_file_that_finds_no_room_leaves_nothing(small):
    (small / "file").write_text("before", encoding="utf-8")
    full = r"its disk was full \(0\.3 of 0\.3 MB are free now\)"
    with pytest.raises(StorageError, match=full), atomic_path(small / "file") as path:
        path.write_bytes(BIG)
    assert [path.name for path in small.iterdir()] == ["file"]
    assert (small / "file").read_text(encoding="utf-8") == "before"


def test_a_checkpoint_that_finds_no_room(small):
    """The one before stays, and is loaded."""
    with hold(small / "training") as checkpoint:
        checkpoint.save({"episode": torch.tensor(1)})
        with pytest.raises(StorageError) as error:
            checkpoint.save({"model": torch.from_numpy(BIG)})
        assert told("full: checkpoints").search(str(error.value))
        assert checkpoint.load() == {"episode": torch.tensor(1)}


def clips(number):
    for name in range(number):
        frames = BIG[: 4 * 32 * 43 * 3].reshape(4, 32, 43, 3)
        yield str(name), Clip(frames=frames, video_frames=12, reader="pyav")


@pytest.mark.parametrize("number", [9, 12, 40], ids=["copying", "copying at once", "collecting"])
def test_a_shard_that_finds_no_room(small, number):
    """Its frames are collected in one file and copied into another: either may not fit."""
    with pytest.raises(StorageError, match=r"small/shards cannot be written: its disk was full"):
        write_shard(
            small / "shards/a.h5", clips(number), frames_per_clip=4, storage="raw", jpeg_quality=95
        )
    assert list((small / "shards").iterdir()) == []


def test_a_file_elsewhere_whose_disk_is_full(small, tmp_path):
    """Clips are read, and their frames shared, while a shard is written."""
    full = OSError(errno.ENOSPC, "No space left on device", str(small / "x"))

    def found_no_room():
        raise full
        yield

    with pytest.raises(StorageError, match=r"small/x cannot be written: its disk was full .* 0\.3"):
        write_shard(
            tmp_path / "store/a.h5",
            found_no_room(),
            frames_per_clip=4,
            storage="raw",
            jpeg_quality=95,
        )


@pytest.mark.parametrize("name", ["inside/new/x", "inside", "."])
def test_a_file_in_the_folder_or_a_folder_above_it(tmp_path, name):
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / name))
    with (
        pytest.raises(StorageError, match="/inside cannot be written"),
        writing(tmp_path / "inside"),
    ):
        raise full


def test_a_closed_folder_is_not_blamed_for_a_file_elsewhere(tmp_path):
    absent = pytest.raises(FileNotFoundError, match="absent")
    with disk(tmp_path / "closed", options="ro") as closed, absent, writing(closed):
        (tmp_path / "absent").read_bytes()


PROMPTS = """
import sys
from pathlib import Path
import numpy as np
from spm.base import command
from spm.model.prompts import PromptFeatures
def main():
    names = [str(number) for number in range(10)]
    features = np.zeros((16, 10, 128), "f4")
    prompts = PromptFeatures(features=features, classes=names, texts=names, trained=True)
    prompts.save(Path(sys.argv[1]))
command.run(main)
"""


@pytest.mark.parametrize("free", [0, 4096, 8192, 40960, 80000])
def test_hdf5_does_not_crash_the_process_that_finds_no_room(small, free):
    """By itself it does, when it is to close the file: a write fails once more."""
    (small / "fill").write_bytes(b"x" * (300 * 1024 - 8192 - free))
    done = subprocess.run(
        [sys.executable, "-c", PROMPTS, small / "prompts.h5"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1
    assert told("full: data").search(done.stderr)


def test_hdf5_gives_what_was_written(tmp_path):
    with new_hdf5(tmp_path / "a.h5") as file:
        file["big"] = BIG
        file.attrs["n"] = 3
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["big"][()], BIG)
        assert file.attrs["n"] == 3


def test_read_only(tmp_path):
    with disk(tmp_path / "closed", options="ro") as closed:
        for folder in (closed, closed / "state"):
            with pytest.raises(StorageError) as error:
                make_writable(folder, named_by="CLIP_SPM_STATE")
            assert told("read-only state folder").search(str(error.value))
        read_only = "closed cannot be written: its disk is read-only"
        with pytest.raises(StorageError, match=read_only), atomic_path(closed / "file") as path:
            path.touch()


def test_somebody_elses(tmp_path):
    with without_rights(tmp_path), pytest.raises(StorageError) as error:
        make_writable(tmp_path / "state", named_by="CLIP_SPM_STATE")
    assert told("somebody else's state folder").search(str(error.value))


def test_a_file_where_a_folder_is_meant(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as error:
        make_writable(tmp_path / "file", named_by="CLIP_SPM_STATE")
    assert told("CLIP_SPM_STATE is a file").search(str(error.value))
    with pytest.raises(StorageError, match="file/state cannot be written: a folder above it is a"):
        make_writable(tmp_path / "file/state")


def test_what_has_another_reason_stays_as_it_is(tmp_path):
    with pytest.raises(UnicodeEncodeError), atomic_path(tmp_path / "a") as path:
        path.write_text("é", encoding="ascii")
    with pytest.raises(FileNotFoundError), writing(tmp_path):
        (tmp_path / "absent").read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_errors_that_met_no_writing(small, tmp_path):
    (small / "fill").write_bytes(bytes(290 * 1024))
    with pytest.raises(OSError, match="No space left") as full, open(small / "b", "wb") as file:
        file.write(BIG)
    assert explained(full.value).startswith("a disk or a quota is used up. ")
    closed = PermissionError(13, "Permission denied", str(tmp_path / "manifest.parquet"))
    assert "manifest.parquet cannot be opened: user" in explained(closed)
    assert explained(FileNotFoundError(2, "No such file", "a")) is None
    assert explained(BlockingIOError(11, "busy")) is None


def test_shared_memory_of_a_container(tmp_path, monkeypatch):
    """64 MB are Docker's default; too little ends a process by SIGBUS, in mid-training."""

    class Episodes:
        num_bytes = 6 * 8 * 224 * 224 * 3

    with disk(tmp_path / "shm", options="size=4m") as folder:
        monkeypatch.setattr("spm.episodes.training_data._SHARED", Path(folder))
        load_episodes(Episodes(), [0], workers=0)
        with pytest.raises(StorageError) as error:
            load_episodes(Episodes(), [0], workers=2)
    assert told("/dev/shm too small").search(str(error.value))


def test_saved_prompts_are_read_again(tmp_path):
    saved = PromptFeatures(
        features=np.ones((2, 1, 4), "f4"), classes=["ä"], texts=["b"], trained=False
    )
    saved.save(tmp_path / "prompts.h5")
    assert PromptFeatures.load(tmp_path / "prompts.h5").classes == ["ä"]
