"""A folder is there whole or not at all."""

import pytest

from spm.atomic import atomic_folder


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


def test_what_a_killed_writer_left_is_gone(folder):
    with atomic_folder(folder) as new:
        (new / "second").touch()
        left = new.rename(new.with_name("left"))
        new.mkdir()
    left.rename(new)
    with atomic_folder(folder) as again:
        assert names(again) == []
    assert names(folder.parent) == ["out"]
