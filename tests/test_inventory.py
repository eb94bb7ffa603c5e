"""spm.inventory: what is listed, in which order, and what the cache may and may not remember."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spm import inventory
from spm.errors import DataError
from spm.hashing import cheap_key

NAMES = st.text("abcXY_ 1é", min_size=1, max_size=4).filter(lambda name: name.strip() == name)


def write(folder, name, content=b"video"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def rows(table):
    return [(row["path"], row["size"]) for row in table.to_pylist()]


def test_lists_path_size_and_key_sorted_at_any_depth(tmp_path):
    write(tmp_path, "b/2.mp4", b"12345")
    write(tmp_path, "b/1.mp4", b"")
    write(tmp_path, "a/deep/er/x.avi", b"1")
    write(tmp_path, "readme.txt", b"12")
    table = inventory.scan(tmp_path)
    assert table.schema == inventory.SCHEMA
    assert rows(table) == [
        ("a/deep/er/x.avi", 1),
        ("b/1.mp4", 0),
        ("b/2.mp4", 5),
        ("readme.txt", 2),
    ]
    assert table["key"].to_pylist() == [cheap_key(tmp_path / path) for path, _ in rows(table)]


def test_hidden_files_and_folders_are_never_listed(tmp_path):
    write(tmp_path, "a/.DS_Store")
    write(tmp_path, ".cache/1.mp4")
    write(tmp_path, "a/1.mp4")
    assert rows(inventory.scan(tmp_path)) == [("a/1.mp4", 5)]


def test_links_are_followed_and_broken_ones_listed_as_unreadable(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "linked").symlink_to(write(tmp_path, "elsewhere/1.mp4").parent)
    (tmp_path / "data" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    table = inventory.scan(tmp_path / "data")
    assert rows(table) == [("gone.mp4", -1), ("linked/1.mp4", 5)]
    assert table["key"].to_pylist()[0] == ""


def test_a_name_that_is_not_utf8_is_an_error(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"\xff.mp4")).write_bytes(b"1")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(DataError, match="not UTF-8"):
        inventory.scan(tmp_path)


@given(st.dictionaries(st.tuples(NAMES, NAMES), st.binary(max_size=9), max_size=6))
def test_depends_on_the_contents_alone_whatever_order_they_came_in(tmp_path_factory, files):
    folders = [tmp_path_factory.mktemp("set") for _ in range(2)]
    for (parent, name), content in files.items():
        write(folders[0], f"{parent}/{name}.mp4", content)
    for (parent, name), content in reversed(files.items()):
        write(folders[1], f"{parent}/{name}.mp4", content)
    first, second = (inventory.scan(folder) for folder in folders)
    assert first == second
    assert first["path"].to_pylist() == sorted(first["path"].to_pylist())
    assert first.num_rows == len(files)


class TestCache:
    @pytest.fixture
    def cache(self, tmp_path):
        return tmp_path / "state" / "cache.parquet"

    @pytest.fixture
    def folder(self, tmp_path):
        write(tmp_path, "set/a/1.mp4", b"one")
        write(tmp_path, "set/a/2.mp4", b"two")
        return tmp_path / "set"

    def test_unchanged_files_are_not_read_again(self, folder, cache, monkeypatch):
        first = inventory.scan(folder, cache=cache)
        monkeypatch.setattr(inventory, "cheap_key", None)
        assert inventory.scan(folder, cache=cache) == first

    def test_changed_new_and_removed_files_are_seen(self, folder, cache):
        inventory.scan(folder, cache=cache)
        write(folder, "a/1.mp4", b"ONE")
        write(folder, "a/3.mp4", b"three")
        (folder / "a" / "2.mp4").unlink()
        assert inventory.scan(folder, cache=cache) == inventory.scan(folder)

    def test_a_file_put_in_anothers_place_with_its_time_is_seen(self, folder, cache):
        inventory.scan(folder, cache=cache)
        old = (folder / "a" / "1.mp4").stat()
        other = write(folder, "other", b"ONE")
        os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
        other.replace(folder / "a" / "1.mp4")
        assert inventory.scan(folder, cache=cache) == inventory.scan(folder)

    def test_does_not_grow_with_files_that_are_gone(self, folder, cache):
        inventory.scan(folder, cache=cache)
        (folder / "a" / "1.mp4").unlink()
        inventory.scan(folder, cache=cache)
        assert len(inventory._read_cache(cache)) == 1
