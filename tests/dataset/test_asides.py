"""spm.dataset.asides: what lies beside the clips, in words."""

import pytest

from spm.dataset import asides
from spm.video.clip_files import is_machinery, may_be_clip


def test_a_summary_counts_kinds_and_leaves_out_class_folders():
    paths = ["a.json", "run/b.info.JSON", "run/README", "run/@eaDir/", "__MACOSX/", "docs/"]
    assert asides.summary(paths) == "2 .json, 1 @eaDir, 1 __MACOSX, 1 without extension"
    assert asides.summary(["docs/"]) == ""


def test_class_folders_without_clips_say_what_they_hold():
    paths = ["__MACOSX/", "b.db", "cafe\u0301/", "docs/", "docs/a.pdf", "docs/b/c.pdf", "run/a.txt"]
    held = asides.without_clips(paths, clips=["run/a.mp4"])
    assert held == {"café": "nothing", "docs": "2 .pdf"}


def test_and_so_do_those_in_the_folders_of_splits():
    paths = ["train/@eaDir/", "train/a.json", "train/run/a.jpg", "test/sit/a.jpg", "docs/", "val/"]
    held = asides.without_clips(paths, clips=["train/run/a.mp4", "test/walk/b.mp4"], level=1)
    assert held == {"test/sit": "1 .jpg"}


@pytest.mark.parametrize(
    "name",
    [
        *("Thumbs.db", "desktop.ini", "a.info.json", "a.mp4.part", "a.mp4.crdownload", "a.mp4~"),
        *("a.srt", "a.en.vtt", "a.nfo", "a.txt", "a.csv", "a.jpg", "a.webp", "README", "mp4"),
    ],
)
def test_no_clips_by_their_names(name):
    assert not may_be_clip(name)


@pytest.mark.parametrize("name", ["a.mp4", "a.M4V", "-kYz.webm", "a.part1.avi", "a.mpg", "a.Wmv"])
def test_what_may_be_a_clip(name):
    assert may_be_clip(name)


@pytest.mark.parametrize("name", ["@eaDir", "#recycle", "__MACOSX", "lost+found", "$RECYCLE.BIN"])
def test_folders_of_file_systems_and_archives(name):
    assert is_machinery(name)


@pytest.mark.parametrize("name", ["#437_how_to_ride_a_bike", "@home", "recycling", "lost"])
def test_folders_that_may_be_classes_or_clips(name):
    assert not is_machinery(name)
