"""A folder is there whole or not at all."""

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
