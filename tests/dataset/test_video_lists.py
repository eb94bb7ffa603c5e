"""video_lists and ssv2_labels: both styles of lists, SSv2's labels, and what is refused."""

import json
import re

import pytest

from spm.base.errors import ConfigError
from spm.dataset.benchmarks import ListedClip
from spm.dataset.video_lists import read_clips
from tests.toy_benchmark import toy, write

LISTED = [
    ListedClip("train", "run", "v_run_1"),
    ListedClip("train", "throw_ball", "throw.a"),
    ListedClip("val", "HandStand", "h"),
    ListedClip("test", "hop (on one leg)", "hop#1"),
    ListedClip("test", "sit", "s"),
]
CLASS_CLIP = {
    "trainlist03__txt": "run/v_run_1\nthrow_ball/throw.a\n",
    "vallist03__txt": "HandStand/h\n",
    "testlist03__txt": "hop_(on_one_leg)/hop#1\nsit/s\n\n",
}
FEW_SHOT = {
    "train_few_shot__txt": "train0//videos/run/v_run_1.avi\ntrain1//videos/throw_ball/throw.a.mkv",
    "val_few_shot__txt": "val0//videos/hand stand/h.avi",
    "test_few_shot__txt": "test0//videos/hop on one leg/hop#1.MP4\ntest1//videos/sit/s.avi",
}
NUMBERED = [
    ListedClip("train", "run", "11"),
    ListedClip("train", "throw_ball", "12"),
    ListedClip("val", "HandStand", "13"),
    ListedClip("test", "hop (on one leg)", "14"),
    ListedClip("test", "sit", "15"),
]
NUMBERED_FEW_SHOT = {
    "train_few_shot__txt": "train0/11\ntrain1/12",
    "val_few_shot__txt": "val0/13",
    "test_few_shot__txt": "test0/14\ntest1/15",
}
NUMBERED_CLASS_CLIP = {
    "trainlist07__txt": "train2/11\ntrain3/12",
    "vallist07__txt": "val4/13",
    "testlist07__txt": "test0/14\ntest1/15",
}
FROM = {"train": 2, "val": 4, "test": 0}


@pytest.mark.parametrize("lists", [CLASS_CLIP, FEW_SHOT], ids=["class/clip", "few_shot"])
def test_both_styles_name_the_same_clips(tmp_path, lists):
    assert read_clips(write(tmp_path, **lists), benchmark=toy()) == LISTED


@pytest.mark.parametrize(
    "lists", [NUMBERED_CLASS_CLIP, NUMBERED_FEW_SHOT], ids=["class/clip", "few_shot"]
)
def test_classes_that_are_numbers(tmp_path, lists):
    """Each style counts in its own way; a class's place is known for both."""
    benchmark = toy(clip_names="number", lists="required", number_from=FROM)
    assert read_clips(write(tmp_path, **lists), benchmark=benchmark) == NUMBERED


def test_numbers_that_a_file_beside_the_lists_explains(tmp_path):
    labels = {"train9": "run", "train8": "Throw [ball]", "val1": "hand stand"}
    labels |= {"test7": "Hop (on one leg)", "test6": "sit"}
    text = {
        "trainlist03__txt": "train9/11\ntrain8/12",
        "vallist03__txt": "val1/13",
        "testlist03__txt": "test7/14\ntest6/15",
        "cls2realC__json": json.dumps(labels),
    }
    benchmark = toy(clip_names="number", lists="required", number_from=FROM)
    assert read_clips(write(tmp_path, **text), benchmark=benchmark) == NUMBERED


def test_seconds_of_youtube_videos_are_kept_where_they_are_listed(tmp_path):
    lists = {
        "train_few_shot__txt": "train0//train_256/run/-a_b_000012_000022.mp4\n"
        "train1//val_256/throw_ball/_c.mkv",
        "val_few_shot__txt": "val0//v/HandStand/d.mp4",
        "test_few_shot__txt": "test0//v/hop_(on_one_leg)/e.mp4\ntest1//v/sit/f.mp4",
    }
    clips = read_clips(write(tmp_path, **lists), benchmark=toy(clip_names="youtube"))
    assert clips[0] == ListedClip("train", "run", "-a_b", "000012_000022")
    assert clips[1] == ListedClip("train", "throw_ball", "_c", "")
    assert clips[0].id == "run/-a_b"


class TestLabelFiles:
    def entry(self, number, template):
        return {"id": str(number), "label": "so and so", "template": template, "placeholders": []}

    def labels(self, folder, *, names=("train.json", "validation.json")):
        train = [self.entry(1, "Run"), self.entry(2, "Throw [ball]"), self.entry(3, "[sit]")]
        validation = [self.entry(4, "run"), self.entry(5, "Hand [stand]"), self.entry(6, "sit")]
        validation += [self.entry(7, "Hop (on one leg)"), self.entry(8, "No class of ours")]
        for name, content in zip(names, (train, validation), strict=True):
            write(folder, **{name.replace(".", "__"): json.dumps(content)})
        return folder

    @pytest.mark.parametrize("prefix", ["", "something-something-v2-"])
    def test_training_classes_take_both_files_the_others_the_validation_file(
        self, tmp_path, prefix
    ):
        names = (f"{prefix}train.json", f"{prefix}validation.json")
        benchmark = toy(clip_names="number", lists="or_labels")
        clips = read_clips(self.labels(tmp_path, names=names), benchmark=benchmark)
        assert {(clip.split, clip.id) for clip in clips} == {
            ("train", "run/1"),
            ("train", "run/4"),
            ("train", "throw_ball/2"),
            ("val", "HandStand/5"),
            ("test", "sit/6"),
            ("test", "hop (on one leg)/7"),
        }

    def test_one_file_alone_is_refused(self, tmp_path):
        (self.labels(tmp_path) / "validation.json").unlink()
        with pytest.raises(ConfigError, match=r"one of validation\.json, .* found: none"):
            read_clips(tmp_path, benchmark=toy(clip_names="number", lists="or_labels"))

    def test_they_are_no_lists_of_a_selection(self, tmp_path):
        with pytest.raises(ConfigError, match="holds none of the lists of Toy: put trainlist"):
            read_clips(self.labels(tmp_path), benchmark=toy(lists="required"))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("[{]", r"train\.json cannot be read as JSON"),
            ("{}", r"train\.json must hold a JSON list; got '\{\}'"),
            ('[{"id": "1", "label": "x"}]', r"train\.json: entry 0 has no id and template"),
        ],
    )
    def test_what_is_no_label_file(self, tmp_path, content, message):
        write(self.labels(tmp_path), train__json=content)
        with pytest.raises(ConfigError, match=message):
            read_clips(tmp_path, benchmark=toy(clip_names="number", lists="or_labels"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vallist03__txt": "h"}, "vallist03.txt, line 1: expected class/clip; got 'h'"),
        ({"vallist03__txt": "HandStand/"}, "line 1: expected class/clip; got 'HandStand/'"),
        (
            {"vallist03__txt": "HandStan/h"},
            "vallist03.txt, line 1: Toy has no class 'HandStan'. Did you mean 'HandStand'?",
        ),
        (
            {"trainlist03__txt": "run/v_run_1\n\nsit/t\n"},
            "trainlist03.txt, line 3: class 'sit' is in the test split of Toy, but is listed for "
            "train",
        ),
        (
            {"testlist03__txt": "sit/s\nsit/h\nhop_(on_one_leg)/x"},
            "clip 'h' is listed twice, for class 'HandStand' (val) and for class 'sit' (test)",
        ),
        ({"testlist03__txt": "sit/s"}, "lists no clip of these classes of Toy: hop (on one leg)"),
        ({"vallist07__txt": ""}, "vallist*.txt; found: vallist03.txt, vallist07.txt"),
        ({"train_few_shot__txt": ""}, "holds lists of more than one kind: keep one"),
    ],
)
def test_what_is_refused(tmp_path, changes, message):
    write(tmp_path, **CLASS_CLIP | changes)
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_clips(tmp_path, benchmark=toy())


def test_a_list_that_is_not_utf8_is_refused(tmp_path):
    (write(tmp_path, **CLASS_CLIP) / "vallist03.txt").write_bytes(b"HandStand/\xff")
    with pytest.raises(ConfigError, match=r"vallist03\.txt is not UTF-8: .* Save it as UTF-8"):
        read_clips(tmp_path, benchmark=toy())


def test_a_split_without_list_is_refused(tmp_path):
    (write(tmp_path, **CLASS_CLIP) / "vallist03.txt").unlink()
    with pytest.raises(ConfigError, match=r"one list for val is needed, vallist\*\.txt; found: no"):
        read_clips(tmp_path, benchmark=toy())


def test_an_empty_folder_says_what_belongs_there(tmp_path):
    with pytest.raises(ConfigError, match=r"none of the lists of Toy: put trainlist\*\.txt or"):
        read_clips(tmp_path, benchmark=toy())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ('{"train9": "Foo [bar] baz"}', r"the benchmark has no class 'Foo \[bar\] baz'\.$"),
        ('{"train9": "rnu"}', r"no class 'rnu'\. Did you mean 'run'\?"),
        ('{"train9": 3}', r"the benchmark has no class 3\.$"),
        ("[]", "must hold a JSON dict"),
    ],
)
def test_numbers_that_are_not_explained(tmp_path, labels, message):
    write(tmp_path, **NUMBERED_CLASS_CLIP, cls2realC__json=labels)
    with pytest.raises(ConfigError, match=message):
        read_clips(tmp_path, benchmark=toy(clip_names="number", lists="required"))
