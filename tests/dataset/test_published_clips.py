"""spm.dataset.published_clips: which file is which clip, over the layouts that archives come in."""

import pytest

from spm.base.errors import DataError
from spm.dataset.benchmarks import CUSTOM, ListedClip
from spm.dataset.published_clips import FOLDERS, MISSING, NOT_IN_A_CLASS, NOT_LISTED, Published
from spm.dataset.published_clips import published_rows as rows_of
from tests.toy_benchmark import files, toy

RUN = ListedClip("train", "run", "Run_1")


def rows(*found, clips, clip_names="file", kind="file"):
    benchmark = toy(clip_names=clip_names)
    table, _ = rows_of(files(*found, kind=kind), published=Published("toy", benchmark, clips))
    return {row["id"]: row for row in table}


@pytest.mark.parametrize(
    ("clip_names", "clip", "seconds", "path"),
    [
        ("file", "v_Run_g01", "", "UCF-101/Run/v_Run_g01.avi"),
        ("file", "v_Run_g01", "", "v_run_G01.mp4"),
        ("file", "(Rad)!_run#1", "", "hmdb51_org/run/(Rad)!_run#1.avi"),
        ("file", "a.b", "", "run/a.b.avi"),
        ("youtube", "-VtLx-mcPds", "", "train_256/run/-VtLx-mcPds_000012_000022.mp4"),
        ("youtube", "-VtLx-mcPds", "000012_000022", "k/run/-VtLx-mcPds.mkv"),
        ("youtube", "-VtLx-mcPds", "000012_000022", "a run/-VtLx-mcPds_000012_000022.webm"),
        ("number", "51958", "", "20bn-something-something-v2/51958.webm"),
        ("number", "51958", "", "51958.MP4"),
    ],
)
def test_a_listed_clip_is_found_by_name_wherever_it_lies(clip_names, clip, seconds, path):
    listed = ListedClip("train", "run", clip, seconds)
    assert rows(path, clips=[listed], clip_names=clip_names) == {
        f"run/{clip}": {
            "id": f"run/{clip}",
            "path": path,
            "key": f"key of {path}",
            "class": "run",
            "split": "train",
            "status": "ok",
            "reason": "",
        }
    }


@pytest.mark.parametrize("path", ["run/Run_1", "rawframes/Run_1.avi"])
def test_a_listed_clip_may_be_a_folder_of_its_frames(path):
    (row,) = rows(path, clips=[RUN], kind="folder").values()
    assert (row["path"], row["status"]) == (path, "ok")


def test_a_video_among_folders_of_frames_is_not_the_clip():
    found = rows("run/Run_1.avi", clips=[RUN], kind="stray").values()
    assert sorted(row["status"] for row in found) == ["missing", "rejected"]


@pytest.mark.parametrize(
    ("clip_names", "clip", "seconds", "path"),
    [
        ("youtube", "-VtLx-mcPds", "000012_000022", "run/-VtLx-mcPds_000112_000122.mp4"),
        ("youtube", "abc", "", "run/ABC.mp4"),
        ("number", "51958", "", "151958.webm"),
        ("file", "Run_1", "", "run/Run_10.avi"),
        ("file", "Run_1", "", "run/Run_1.flv"),
    ],
)
def test_what_is_not_the_clip(clip_names, clip, seconds, path):
    listed = ListedClip("train", "run", clip, seconds)
    found = rows(path, clips=[listed], clip_names=clip_names)
    assert found[f"run/{clip}"] == {
        "id": f"run/{clip}",
        "path": "",
        "key": "",
        "class": "run",
        "split": "train",
        "status": "missing",
        "reason": MISSING,
    }
    reason = NOT_LISTED if not path.endswith("flv") else ".flv is not read"
    assert found[path]["reason"].startswith(reason)
    assert (found[path]["status"], found[path]["split"]) == ("rejected", "")


def test_of_two_files_the_usable_one_is_taken():
    files_ = files("a/Run_1.avi", "b/run_1.mp4", "c/Run_1.mkv", sizes={"a/Run_1.avi": 0})
    table, _ = rows_of(files_, published=Published("toy", toy(), [RUN]))
    assert [(row["path"], row["status"], row["reason"]) for row in table] == [
        ("b/run_1.mp4", "ok", ""),
        ("c/Run_1.mkv", "duplicate", "duplicate: b/run_1.mp4 is read"),
        ("a/Run_1.avi", "duplicate", "duplicate: b/run_1.mp4 is read"),
    ]
    assert len({row["id"] for row in table}) == 3


def test_a_file_that_cannot_be_used_is_rejected_and_not_missing():
    files_ = files("run/Run_1.avi", sizes={"run/Run_1.avi": 0})
    ((row,), _) = rows_of(files_, published=Published("toy", toy(), [RUN]))
    assert (row["status"], row["reason"]) == ("rejected", "zero bytes")


class TestWithoutLists:
    FILES = (
        "UCF/Run/1.avi",
        "UCF/ThrowBall/1.avi",
        "UCF/Hand_stand/1.avi",
        "UCF/hop on one leg/1.avi",
        "UCF/SIT/1.avi",
    )

    def table(self, *more, drop=()):
        found = files(*(path for path in self.FILES if path not in drop), *more)
        return rows_of(found, published=Published("toy", toy(), None))

    def test_the_last_folder_is_the_class(self):
        rows, variant = self.table("UCF/run/deeper/2.avi", "loose.avi", "UCF/run/3.wmv")
        found = {row["path"]: (row["id"], row["split"], row["status"]) for row in rows}
        assert found["UCF/Run/1.avi"] == ("run/1", "train", "ok")
        assert found["UCF/ThrowBall/1.avi"] == ("throw_ball/1", "train", "ok")
        assert found["UCF/Hand_stand/1.avi"] == ("HandStand/1", "val", "ok")
        assert found["UCF/hop on one leg/1.avi"] == ("hop (on one leg)/1", "test", "ok")
        assert found["UCF/run/deeper/2.avi"] == ("UCF/run/deeper/2.avi", "", "rejected")
        reasons = {row["path"]: row["reason"] for row in rows}
        assert reasons["UCF/run/deeper/2.avi"] == NOT_IN_A_CLASS
        assert reasons["loose.avi"] == NOT_IN_A_CLASS
        assert reasons["UCF/run/3.wmv"].startswith(".wmv is not read")
        assert variant == FOLDERS

    def test_two_copies_of_the_archive_are_duplicates(self):
        rows, _ = self.table("copy/run/1.mp4")
        (row,) = [row for row in rows if row["status"] == "duplicate"]
        assert (row["path"], row["reason"]) == (
            "copy/run/1.mp4",
            "duplicate: UCF/Run/1.avi is read",
        )

    def test_a_class_without_videos_is_named(self):
        with pytest.raises(DataError, match="no videos of these classes of Toy: HandStand, sit"):
            self.table(drop=("UCF/Hand_stand/1.avi", "UCF/SIT/1.avi"))


def test_lists_that_were_not_published_are_said_to_be():
    _, variant = rows_of(files("Run_1.avi"), published=Published("toy", toy(), [RUN]))
    assert variant == CUSTOM
