"""A shard is read whole once, and again when its size, its time or its inode has changed."""

import json
import os
import shutil
import subprocess
from functools import partial

import h5py
import pytest

from bench.simulated import write_tiny_shard
from pipeline.shards import checked_shards
from pipeline.shards.checked_shards import CHECKED
from spm.base.errors import DataError, TransientError
from spm.frames.shard_writer import write_shard
from spm.frames.shards import Shard

NAMES = ["a.h5", "b.h5", "c.h5"]
sound_shards = partial(checked_shards.sound_shards, opened=Shard)


@pytest.fixture
def store(tmp_path):
    for name in NAMES:
        write_tiny_shard(tmp_path / name, ["one", "two"])
    return tmp_path


@pytest.fixture
def read(monkeypatch):
    """Names of the shards that were read whole, in order."""
    names = []
    check = Shard.check

    def noted(shard):
        names.append(shard.path.name)
        check(shard)

    monkeypatch.setattr(Shard, "check", noted)
    return names


def flip_a_byte(path):
    """Of the last clip, in place."""
    with h5py.File(path) as file:
        place = file["data"].id.get_offset() + len(file["data"]) - 1
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))


def flip_unseen(path):
    """As a disk does that fails."""
    before = path.stat()
    flip_a_byte(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_second_time_nothing_is_read(store, read):
    assert sound_shards(NAMES, store=store) == set(NAMES)
    assert read == NAMES
    assert sound_shards(NAMES, store=store) == set(NAMES)
    assert read == NAMES
    assert [path.name for path in store.iterdir() if path.suffix == ".json"] == [CHECKED]


def test_what_is_missing_is_not_sound(store):
    (store / "b.h5").unlink()
    assert sound_shards(NAMES, store=store) == {"a.h5", "c.h5"}
    assert sound_shards(["x.h5"], store=store / "nowhere") == set()


def test_other_shards_of_the_store_are_remembered_until_they_are_gone(store, read):
    sound_shards(NAMES, store=store)
    (store / "b.h5").unlink()
    write_tiny_shard(store / "d.h5", ["three"])
    assert sound_shards(["d.h5"], store=store) == {"d.h5"}
    assert sound_shards(["a.h5", "c.h5"], store=store) == {"a.h5", "c.h5"}
    assert read == [*NAMES, "d.h5"]
    assert set(json.loads((store / CHECKED).read_text())) == {"a.h5", "c.h5", "d.h5"}


def test_what_another_project_has_checked_meanwhile_is_kept(store, monkeypatch):
    check = checked_shards._is_sound

    def meanwhile(path, opened):
        if path.name == "a.h5":
            sound_shards(["b.h5"], store=store)
        return check(path, opened)

    monkeypatch.setattr(checked_shards, "_is_sound", meanwhile)
    sound_shards(["a.h5"], store=store)
    assert set(json.loads((store / CHECKED).read_text())) == {"a.h5", "b.h5"}


@pytest.mark.parametrize("change", ["time", "size", "inode"])
def test_a_shard_whose_stamp_has_changed_is_read_again(store, read, change):
    sound_shards(NAMES, store=store)
    path = store / "b.h5"
    if change == "time":
        path.touch()
    elif change == "size":
        before = path.stat().st_mtime_ns
        with open(path, "ab") as file:
            file.write(b"more")
        os.utime(path, ns=(before, before))
    else:
        shutil.copy2(path, store / "copy")
        os.replace(store / "copy", path)
    assert sound_shards(NAMES, store=store) == set(NAMES)
    assert read == [*NAMES, "b.h5"]


def test_damage_is_found_when_the_stamp_has_changed(store, capsys):
    sound_shards(NAMES, store=store)
    flip_a_byte(store / "b.h5")
    (store / "b.h5").chmod(0o444)
    assert sound_shards(NAMES, store=store) == {"a.h5", "c.h5"}
    assert f"warning: {store / 'b.h5'} is damaged" in capsys.readouterr().err
    assert os.access(store / "b.h5", os.W_OK)
    assert sound_shards(NAMES, store=store) == {"a.h5", "c.h5"}, "and again, until it is mended"


def test_damage_that_leaves_the_stamp_is_found_by_who_reads_the_frame(store):
    """And what the error says to do makes the stage find it too."""
    sound_shards(NAMES, store=store)
    flip_unseen(store / "b.h5")
    (store / "b.h5").chmod(0o444)
    assert sound_shards(NAMES, store=store) == set(NAMES)
    with pytest.raises(DataError, match="is damaged") as caught:
        Shard(store / "b.h5").read(1)
    command = str(caught.value).split("Rebuild it: ")[1].removesuffix(" && dvc repro -f -s frames")
    subprocess.run(command, shell=True, check=True)
    assert sound_shards(NAMES, store=store) == {"a.h5", "c.h5"}


def test_without_the_file_all_is_read_again(store, read):
    sound_shards(NAMES, store=store)
    flip_unseen(store / "b.h5")
    (store / CHECKED).unlink()
    assert sound_shards(NAMES, store=store) == {"a.h5", "c.h5"}
    assert read == [*NAMES, *NAMES]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a.h5": "sound"}', "\udcff"])
def test_a_file_that_says_nothing_is_as_none(store, read, text):
    (store / CHECKED).write_text(text, encoding="utf-8", errors="surrogateescape")
    assert sound_shards(["a.h5"], store=store) == {"a.h5"}
    assert read == ["a.h5"]


def test_a_shard_with_a_clip_that_may_be_readable_elsewhere_is_not_remembered(store, read):
    clips = [("one", TransientError("out of time"))]
    write_shard(store / "t.h5", clips, frames_per_clip=1, storage="raw", jpeg_quality=95)
    assert sound_shards(["t.h5"], store=store) == set()
    assert sound_shards(["t.h5"], store=store) == set()
    assert read == ["t.h5", "t.h5"]


def test_a_check_that_is_killed_goes_on_where_it_was(store, read, monkeypatch):
    monkeypatch.setattr(checked_shards, "_SAVE_SECONDS", 0)
    monkeypatch.setattr(Shard, "check", lambda shard: 1 / (shard.path.name != "c.h5"))
    with pytest.raises(ZeroDivisionError):
        sound_shards(NAMES, store=store)
    assert set(json.loads((store / CHECKED).read_text())) == {"a.h5", "b.h5"}
