"""folder_layout: folders as people have them, and which of them are no class folders."""

import pytest

from spm.dataset.folder_layout import look, split_of


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        *((name, "train") for name in ("train", "Train", "training", "TRAIN_256", "trainset")),
        *((name, "val") for name in ("val", "valid", "Validation", "dev", "val_videos")),
        *((name, "val") for name in ("eval", "Evaluation", "eval_256", "development", "devset")),
        *((name, "test") for name in ("test", "Testing", "test-set", "meta_test")),
        *(
            (name, "")
            for name in ("training a dog", "train station", "trains", "run", "tester", "")
        ),
    ],
)
def test_what_a_folder_says_of_a_split(folder, split):
    assert split_of(folder) == split


def clips(*folders):
    return [f"{folder}/{number}.mp4" for folder in folders for number in range(2)]


@pytest.mark.parametrize(
    ("paths", "kind", "says"),
    [
        (
            clips("train/run", "val/jump", "test/walk"),
            "splits",
            "the folders test, train, val, with class folders in them (test/walk, train/run, "
            "val/jump)",
        ),
        (clips("Train/run/deeper", "Test/jump"), "splits", "the folders Test, Train, with class"),
        (clips("training/a", "testing/b", "extra/c"), "splits", "the folders testing, training, w"),
        (clips("train", "test"), "splits without classes", "with clips in them and no class fol"),
        (clips("videos/run", "videos/jump"), "wrapped", "one folder, videos, with all the others"),
        (["a.mp4", "b.mp4"], "loose", "2 clips in no folder, such as a.mp4"),
    ],
)
def test_folders_that_are_no_class_folders(paths, kind, says):
    layout = look(paths)
    assert layout is not None
    assert layout.kind == kind
    assert says in layout.says


@pytest.mark.parametrize(
    "paths",
    [
        [],
        clips("run", "jump"),
        clips("run/monday", "run/tuesday", "jump/monday"),
        clips("train/old", "run", "jump"),
        clips("train/old", "test/car", "run", "jump", "walk"),
        [*clips("run", "jump"), "loose.mp4"],
        clips("run/only"),
    ],
)
def test_folders_that_may_be_classes(paths):
    assert look(paths) is None
