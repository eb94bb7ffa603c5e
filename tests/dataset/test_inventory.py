"""inventory: what is listed, in which order, and what the cache may and may not remember."""

import errno
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm.base.errors import DataError
from spm.base.hashing import cheap_key
from spm.dataset import inventory
from spm.dataset.asides import asides_of, clips_of
from tests.machines import told

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
    write(tmp_path, "c/readme.wmv", b"12")
    table = inventory.scan(tmp_path)
    assert table.schema == inventory.SCHEMA
    assert rows(table) == [
        ("a/deep/er/x.avi", 1),
        ("b/1.mp4", 0),
        ("b/2.mp4", 5),
        ("c/readme.wmv", 2),
    ]
    assert table["key"].to_pylist() == [cheap_key(tmp_path / path) for path, _ in rows(table)]


def test_hidden_files_and_folders_are_never_listed(tmp_path):
    write(tmp_path, "a/.DS_Store")
    write(tmp_path, ".cache/1.mp4")
    write(tmp_path, "a/1.mp4")
    assert rows(inventory.scan(tmp_path)) == [("a/1.mp4", 5)]


def test_what_is_no_clip_by_its_name_is_listed_apart_and_not_opened(tmp_path, monkeypatch):
    write(tmp_path, "run/1.mp4")
    asides = [
        *("run/.DS_Store", "run/._1.mp4"),  # hidden: never listed
        *("run/1.info.json", "run/1.jpg", "run/1.mp4.part", "run/Thumbs.db", "run/README"),
        *("run/@eaDir/1.mp4/SYNOVIDEO_MOBILE.mp4", "__MACOSX/run/._1.mp4", "lost+found/a.mp4"),
        *("docs/paper.pdf", "desktop.ini"),
    ]
    for path in asides:
        write(tmp_path, path)
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    monkeypatch.setattr(inventory, "cheap_key", lambda path: f"key of {path.name}")
    table = inventory.scan(tmp_path)
    assert clips_of(table).to_pylist() == [
        {"path": "run/1.mp4", "size": 5, "key": "key of 1.mp4", "kind": "file"}
    ]
    assert asides_of(table) == [
        *("__MACOSX/", "desktop.ini", "docs/", "docs/paper.pdf", "empty/", "lost+found/"),
        *("run/1.info.json", "run/1.jpg", "run/1.mp4.part", "run/@eaDir/", "run/README"),
        "run/Thumbs.db",
    ]
    before = table
    write(tmp_path, "run/Thumbs.db", b"another content")
    assert inventory.scan(tmp_path) == before


@pytest.mark.parametrize("name", ["a.WMV", "a.mpg", "a.ts", "a.flv", "a.gif", "a.3g2"])
def test_videos_of_kinds_that_are_not_read_are_no_asides(tmp_path, name):
    write(tmp_path, "run/1.mp4")
    write(tmp_path, f"run/{name}")
    assert clips_of(inventory.scan(tmp_path))["path"].to_pylist() == ["run/1.mp4", f"run/{name}"]
    (tmp_path / "run" / "1.mp4").unlink()
    expected = rf"no video that is read, but 1 others, such as run/{name}: .* turn it into one"
    with pytest.raises(DataError, match=expected):
        inventory.scan(tmp_path)


def test_links_are_followed_and_broken_ones_listed_as_unreadable(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "linked").symlink_to(write(tmp_path, "elsewhere/1.mp4").parent)
    (tmp_path / "data" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    table = inventory.scan(tmp_path / "data")
    assert rows(table) == [("gone.mp4", -1), ("linked/1.mp4", 5)]
    assert table["key"].to_pylist()[0] == ""


def test_a_link_that_leads_back_is_not_followed(tmp_path):
    write(tmp_path, "data/a/1.mp4")
    write(tmp_path, "data/b/2.mp4")
    (tmp_path / "data" / "a" / "up").symlink_to("..")
    (tmp_path / "data" / "a" / "above").symlink_to(tmp_path)
    (tmp_path / "data" / "a" / "beside").symlink_to("../b")
    (tmp_path / "data" / "b" / "back").symlink_to("../a")
    (tmp_path / "data" / "b" / "itself.mp4").symlink_to("itself.mp4")
    assert rows(inventory.scan(tmp_path / "data")) == [
        ("a/1.mp4", 5),
        ("a/beside/2.mp4", 5),
        ("a/beside/itself.mp4", -1),
        ("b/2.mp4", 5),
        ("b/back/1.mp4", 5),
        ("b/itself.mp4", -1),
    ]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    closed = write(tmp_path, "closed/1.mp4").parent
    scandir = os.scandir

    def with_rights(folder):
        if os.fspath(folder) == str(closed):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", with_rights)  # root may read everything
    with pytest.raises(DataError, match=r"the folder \S+/closed cannot be read: Permission denied"):
        inventory.scan(tmp_path)


def test_a_name_that_is_not_utf8_is_an_error(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"\xff.mp4")).write_bytes(b"1")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(DataError, match=told("file names that are not UTF-8").pattern):
        inventory.scan(tmp_path)
    (tmp_path / os.fsdecode(b"\xff.mp4")).rename(tmp_path / os.fsdecode(b"\xff.txt"))
    assert asides_of(inventory.scan(tmp_path)) == ["?.txt"]


class TestFrameFolders:
    """A data set whose clips are folders of images."""

    @pytest.fixture
    def clip(self, tmp_path):
        for number in range(5):
            write(tmp_path, f"run/clip/img_{number:03}.jpg", bytes([number]) * 9)
        return tmp_path / "run" / "clip"

    def scan(self, folder, **options):
        return inventory.scan(folder, kind="frame_folders", **options)

    def test_a_row_for_each_clip_and_one_for_each_file_that_is_in_none(self, clip, tmp_path):
        write(tmp_path, "run/group/deeper/1.PNG", b"1234")
        write(tmp_path, "run/video.mp4", b"12")
        write(tmp_path, "run/group/notes.txt", b"1")
        (tmp_path / "run" / "lost").mkdir()
        (tmp_path / "an_empty_class").mkdir()
        found = {row["path"]: (row["size"], row["kind"]) for row in self.scan(tmp_path).to_pylist()}
        assert found == {
            "run/clip": (45, "folder"),
            "an_empty_class/": (-1, "aside"),
            "run/group/deeper": (4, "folder"),
            "run/group/notes.txt": (-1, "aside"),
            "run/lost": (0, "folder"),
            "run/video.mp4": (2, "stray"),
        }

    def test_other_and_hidden_files_beside_frames_are_passed_over(self, clip, tmp_path):
        before = self.scan(tmp_path)
        write(clip, "audio.wav")
        write(clip, ".img_001.jpg")
        write(clip, ".thumbnails/1.jpg")
        assert self.scan(tmp_path) == before

    def test_what_a_nas_puts_beside_frames_is_no_clip(self, clip, tmp_path):
        write(clip, "@eaDir/img_000.jpg/SYNOPHOTO_THUMB_M.jpg")
        write(tmp_path, "run/@eaDir/1.jpg")
        table = self.scan(tmp_path)
        assert clips_of(table)["path"].to_pylist() == ["run/clip"]
        assert asides_of(table) == ["run/@eaDir/", "run/clip/@eaDir/"]

    @pytest.mark.parametrize("left", ["info.json", "@eaDir/1.jpg", "Thumbs.db"])
    def test_a_clip_that_lost_its_frames_is_one_whatever_else_is_left(self, clip, tmp_path, left):
        write(tmp_path, f"run/lost/{left}")
        found = {row["path"]: row["size"] for row in clips_of(self.scan(tmp_path)).to_pylist()}
        assert found == {"run/clip": 45, "run/lost": 0}

    @pytest.mark.parametrize("place", [0, 2, 4])
    def test_the_key_is_of_names_sizes_and_some_contents(self, clip, tmp_path, place):
        keys = {self.scan(tmp_path)["key"].to_pylist()[0]}
        frame = clip / f"img_{place:03}.jpg"
        frame.write_bytes(b"other")
        keys |= set(self.scan(tmp_path)["key"].to_pylist())
        frame.write_bytes(b"12345")
        keys |= set(self.scan(tmp_path)["key"].to_pylist())
        frame.rename(clip / "img_100.jpg")
        keys |= set(self.scan(tmp_path)["key"].to_pylist())
        frame.with_name("img_100.jpg").unlink()
        keys |= set(self.scan(tmp_path)["key"].to_pylist())
        assert len(keys) == 5

    def test_the_key_does_not_depend_on_place_or_time(self, clip, tmp_path):
        before = self.scan(tmp_path)["key"].to_pylist()
        os.utime(clip / "img_001.jpg", (1, 1))
        clip.rename(clip.with_name("renamed"))
        assert self.scan(tmp_path)["key"].to_pylist() == before

    def test_a_frame_that_cannot_be_read_makes_the_clip_unreadable(self, clip, tmp_path):
        (clip / "img_002.jpg").unlink()
        (clip / "img_002.jpg").symlink_to(tmp_path / "nowhere.jpg")
        assert self.scan(tmp_path).to_pylist() == [
            {"path": "run/clip", "size": -1, "key": "", "kind": "folder"}
        ]

    def test_the_cache_sees_an_edit_in_place_of_any_frame(self, clip, tmp_path, monkeypatch):
        cache = tmp_path / ".cache"
        frames = sorted(clip.iterdir())
        for frame in frames:
            before = self.scan(tmp_path, cache=cache)
            with monkeypatch.context() as patch:
                patch.setattr(inventory, "cheap_key", None)  # nothing has to be read again
                assert self.scan(tmp_path, cache=cache) == before
            frame.write_bytes(b"longer than it was")
            assert self.scan(tmp_path, cache=cache) == self.scan(tmp_path) != before

    @pytest.mark.parametrize("place", range(5))
    def test_a_frame_with_a_new_time_alone_is_read_again(self, clip, tmp_path, place, monkeypatch):
        """It may have been edited with its size kept."""
        self.scan(tmp_path, cache=tmp_path / ".cache")
        os.utime(clip / f"img_{place:03}.jpg", ns=(0, 5))
        read = []
        monkeypatch.setattr(inventory, "cheap_key", lambda path: read.append(path) or "key")
        self.scan(tmp_path, cache=tmp_path / ".cache")
        assert [path.name for path in read] == ["img_000.jpg", "img_002.jpg", "img_004.jpg"]

    def test_a_data_set_of_videos_says_which_kind_to_set(self, tmp_path):
        write(tmp_path, "run/a.mp4")
        write(tmp_path, "run/b.mp4")
        with pytest.raises(DataError, match=r"2 videos \(such as run/a.mp4\): .*kind: videos"):
            self.scan(tmp_path)

    def test_and_so_do_folders_of_frames(self, clip, tmp_path):
        expected = (
            r"no video .*; it holds 5 images .*img_000.jpg\): set dataset.kind: frame_folders"
        )
        with pytest.raises(DataError, match=expected):
            inventory.scan(tmp_path)

    def test_a_folder_of_both_kinds_is_listed_by_either(self, clip, tmp_path):
        write(tmp_path, "run/a.mp4")
        assert self.scan(tmp_path)["path"].to_pylist() == ["run/a.mp4", "run/clip"]
        assert inventory.scan(tmp_path).num_rows == 6


@settings(deadline=None)
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
