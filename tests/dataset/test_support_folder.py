"""spm.dataset.support_folder: the examples as people lay them out. No clip is read here."""

import pytest

from spm.base.errors import DataError
from spm.dataset.support_folder import find_clips, find_support, passed_over
from tests.machines import told


def lay(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"1")
    return folder


def found(folder):
    return {
        name: [clip.relative_to(folder).as_posix() for clip in clips]
        for name, clips in find_support(folder).items()
    }


def test_both_kinds_of_clips_at_any_depth(tmp_path):
    lay(tmp_path, "b/2.mp4", "b/monday/1.webm", "a/frames/1.jpg", "a/frames/2.jpg", "a/x.mov")
    assert found(tmp_path) == {"a": ["a/frames", "a/x.mov"], "b": ["b/2.mp4", "b/monday/1.webm"]}


def test_what_lies_beside_the_clips_is_passed_over_and_told(tmp_path):
    lay(tmp_path, "a/1.mp4", "b/deeper/2.mp4", "a/1.jpg", "b/deeper/2.jpg", "a/Thumbs.db")
    lay(tmp_path, "__MACOSX/a/._1.mp4", "a/@eaDir/1.mp4/SYNOVIDEO.mp4", "notes.txt", "loose.mp4")
    assert found(tmp_path) == {"a": ["a/1.mp4"], "b": ["b/deeper/2.mp4"]}
    notes = passed_over(tmp_path)
    assert notes == [
        "passed over, no clips by their names: 2 .jpg, 1 .db, 1 .txt, 1 @eaDir, 1 __MACOSX",
        "passed over, in no class folder: loose.mp4",
    ]


def test_nothing_is_said_where_all_are_examples(tmp_path):
    assert passed_over(lay(tmp_path, "a/1.mp4", "b/frames/1.jpg", "b/frames/sound.wav")) == []


ZERO_WIDTH_JOINER, NO_BREAK_SPACE = "\u200d", "\u00a0"


@pytest.mark.parametrize("name", [f"open{NO_BREAK_SPACE}door", f"क{ZERO_WIDTH_JOINER}", "a\nb"])
def test_names_that_a_data_set_takes(tmp_path, name):
    assert find_support(lay(tmp_path, f"{name}/1.mp4", "z/1.mp4")).keys() == {name, "z"}


@pytest.mark.parametrize("beside", ["Icon\r", ".a\udcff/1.mp4", "a\udcff.txt"])
def test_names_of_what_is_no_class_folder_do_not_matter(tmp_path, beside):
    assert list(find_support(lay(tmp_path, beside, "a/1.mp4", "b/1.mp4"))) == ["a", "b"]


@pytest.mark.parametrize("inside", ["1.mp4", "1.txt"])
def test_a_class_folder_whose_name_is_not_utf8(tmp_path, inside):
    lay(tmp_path, f"a\udcff/{inside}", "b/1.mp4", "c/1.mp4")
    with pytest.raises(DataError, match=r"class folder .*/a\\xff has a name that is not UTF-8: re"):
        find_support(tmp_path)


def test_folders_whose_names_look_the_same_are_one_class(tmp_path):
    lay(tmp_path, "caf\u00e9/1.mp4", "cafe\u0301/2.mp4", "tea/3.mp4")
    assert [len(clips) for clips in find_support(tmp_path).values()] == [2, 1]
    assert list(find_support(tmp_path)) == ["caf\u00e9", "tea"]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["train/a/1.mp4", "test/b/1.mp4"], told("predict, folders of splits").pattern),
        (["videos/a/1.mp4", "videos/b/1.mp4"], r"one folder, videos, .* folders, .*/videos$"),
        (["1.mp4", "2.mp4"], "2 clips in no folder, such as 1.mp4: put the clips of each class"),
        (["a/1.mp4", "b/1.wmv"], r"cannot be read:\n  .*/b/1\.wmv: \.wmv is not read"),
        (["a/1.mp4", "b/1.mp4", "c/1.txt"], r"no clips in .*/c \(it holds 1 .txt\)"),
        (["a/1.mp4"], "at least two class folders to choose between; found: a"),
        (["a/1.mp4", "__MACOSX/a/1.mp4"], "at least two class folders .* found: a"),
    ],
)
def test_what_cannot_be_a_support_set_says_what_it_looks_like(tmp_path, paths, message):
    with pytest.raises(DataError, match=message):
        find_support(lay(tmp_path, *paths))


def test_classes_may_be_called_train_and_test(tmp_path):
    assert list(find_support(lay(tmp_path, "train/1.mp4", "test/1.mp4"))) == ["test", "train"]


def test_the_clips_of_one_class_are_of_both_kinds_at_any_depth(tmp_path):
    lay(tmp_path / "tea", "2.mp4", "frames/1.jpg", "monday/1.webm", "monday/1.jpg", "notes.txt")
    clips = [clip.relative_to(tmp_path).as_posix() for clip in find_clips(tmp_path / "tea")]
    assert clips == ["tea/2.mp4", "tea/frames", "tea/monday/1.webm"]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["other/1.mp4"], r"/tea is not a folder: give one that holds the clips of a class$"),
        (["tea/1.txt"], r"no clips in .*/tea: a class needs at least one \(mp4, "),
        (["tea/1.jpg"], r"no clips in .*/tea"),
        (["tea/1.mp4", "tea/2.wmv"], r"cannot be read:\n  .*/tea/2\.wmv: \.wmv is not read"),
    ],
)
def test_what_cannot_be_the_clips_of_a_class(tmp_path, paths, message):
    with pytest.raises(DataError, match=message):
        find_clips(lay(tmp_path, *paths) / "tea")


def test_one_class_folder_whose_name_is_not_utf8(tmp_path):
    lay(tmp_path, "a\udcff/1.mp4")
    with pytest.raises(DataError, match=r"class folder .*/a\\xff has a name that is not UTF-8: re"):
        find_clips(tmp_path / "a\udcff")
