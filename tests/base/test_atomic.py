"""A folder is there whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from spm.base.atomic import atomic_folder, atomic_path
from spm.base.errors import StorageError
from tests.machines import disk


@pytest.fixture
def folder(tmp_path):
    """With something in it."""
    with atomic_folder(tmp_path / "data/out") as new:
        (new / "first").touch()
    return tmp_path / "data/out"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_takes_the_place_of_what_was_there(folder):
    with atomic_folder(folder) as new:
        (new / "second").touch()
        assert names(folder) == ["first"]
    assert names(folder) == ["second"]
    assert names(folder.parent) == ["out"]


def test_an_error_leaves_what_was_there(folder):
    with pytest.raises(FileNotFoundError), atomic_folder(folder) as new:
        (new / "missing").read_text()
    assert names(folder) == ["first"]
    assert names(folder.parent) == ["out"]


def write_a_file(folder):
    (folder / "a").write_bytes(bytes(1 << 20))


def write_atomically(folder):
    with atomic_path(folder / "deeper/a") as path:
        path.write_bytes(bytes(1 << 20))


@pytest.mark.parametrize(
    ("write", "named"), [(write_a_file, "small"), (write_atomically, "small/out/deeper")]
)
def test_a_full_disk_names_no_temporary_folder(tmp_path, write, named):
    with disk(tmp_path / "small", options="size=300k") as small:
        with pytest.raises(StorageError) as error, atomic_folder(small / "out") as new:
            write(new)
        assert str(error.value).startswith(f"{tmp_path / named} cannot be written: its disk was")
        assert names(small) == []


def test_a_closed_disk_is_told(tmp_path):
    with disk(tmp_path / "closed", options="ro") as closed:
        read_only = "closed/data cannot be written: its disk is read-only"
        with pytest.raises(StorageError, match=read_only), atomic_folder(closed / "data/out"):
            pass


def test_what_a_killed_writer_left_is_gone(folder):
    with atomic_folder(folder) as new:
        (new / "second").touch()
        left = new.rename(new.with_name("left"))
        new.mkdir()
    left.rename(new)
    with atomic_folder(folder) as again:
        assert names(again) == []
    assert names(folder.parent) == ["out"]


def test_an_interrupt_between_the_two_renames_leaves_what_was_there(folder, monkeypatch):
    rename = Path.rename

    def interrupted(path, target):
        if ".new." in path.name:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_folder(folder) as new:
        (new / "second").touch()
    assert names(folder) == ["first"]
    assert names(folder.parent) == ["out"]


def test_after_a_kill_between_them_it_is_put_back(folder):
    folder.rename(folder.with_name(".out.old.tmp"))
    with pytest.raises(FileNotFoundError), atomic_folder(folder) as new:
        (new / "missing").read_text()
    assert names(folder) == ["first"]


def pipe(path):
    os.mkfifo(path)


def socket_file(path):
    os.mknod(path, stat.S_IFSOCK | 0o600)


def device(path):
    """Like /dev/null, which belongs to root."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


NODES = [(pipe, "a pipe"), (socket_file, "a socket"), (device, "a device")]


@pytest.mark.parametrize(("make", "called"), [*NODES, (Path.touch, "a file")])
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_folder_is_refused_and_stays(tmp_path, make, called, linked):
    path = tmp_path / "out"
    make(path)
    before = path.lstat()
    if linked:
        path = tmp_path / "link"
        path.symlink_to("out")
    with pytest.raises(StorageError, match=f"is {called}, and no folder"), atomic_folder(path):
        pytest.fail("nothing is written")
    assert (tmp_path / "out").lstat() == before
    assert names(tmp_path) == ["link", "out"][not linked :]


@pytest.mark.parametrize(("make", "called"), [*NODES, (Path.mkdir, "a folder")])
def test_what_is_no_file_is_refused_and_stays(tmp_path, make, called):
    path = tmp_path / "out"
    make(path)
    before = path.lstat()
    with pytest.raises(StorageError, match=f"is {called}, and no file"), atomic_path(path):
        pytest.fail("nothing is written")
    assert path.lstat() == before
    assert names(tmp_path) == ["out"]


def test_a_pipe_that_was_renamed_aside_is_not_deleted(folder):
    pipe(folder.with_name(".out.old.tmp"))
    with pytest.raises(StorageError, match=r"\.out\.old\.tmp is a pipe"), atomic_folder(folder):
        pytest.fail("nothing is written")
    assert names(folder.parent) == [".out.old.tmp", "out"]


@pytest.mark.parametrize("write", [atomic_folder, atomic_path])
@pytest.mark.parametrize("letters", [250, 255, 300])
def test_a_name_that_is_too_long_with_what_is_added_is_refused_first(tmp_path, write, letters):
    words = rf"its name has {letters} bytes, which is too long.*give a shorter one"
    with pytest.raises(StorageError, match=words), write(tmp_path / ("x" * letters)):
        pytest.fail("nothing is written")
    assert names(tmp_path) == []
