"""manifest and splits: who is in which split, and what is rejected with which reason."""

import json
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm.base.errors import ConfigError, DataError
from spm.config.dataset import DatasetConfig
from spm.dataset import inventory, manifest
from spm.dataset.benchmarks import ListedClip
from spm.dataset.published_clips import Published
from tests.toy_benchmark import CLASSES, toy

LISTS = {"train": ["run"], "val": ["jump"], "test": ["walk"]}


def dataset(**changes):
    values = {
        "name": "mine",
        "benchmark": None,
        "split": "lists.yaml",
        "kind": "videos",
        "lists": None,
        "names": "cleaned",
        "class_texts": {},
        "max_rejected": 0.05,
        "generator": {"seed": 0, "clips_per_class": 1},
    }
    return DatasetConfig.model_validate(values | changes)


def files(*entries, kind="file"):
    """An inventory: paths, or (path, size); a size of -1 cannot be read."""
    named = [entry if isinstance(entry, tuple) else (entry, 7) for entry in entries]
    rows = [
        {"path": path, "size": size, "key": f"key of {path}" if size >= 0 else "", "kind": kind}
        for path, size in named
    ]
    return pa.Table.from_pylist(rows, schema=inventory.SCHEMA)


def clips_of(*classes, number=3):
    return [f"{name}/{clip}.mp4" for name in classes for clip in range(number)]


def build(*entries, class_lists=LISTS, **changes):
    return manifest.build(files(*entries), dataset=dataset(**changes), split=class_lists)


def reasons(table):
    return {row["id"]: row["reason"] for row in table.to_pylist() if row["status"] == "rejected"}


def test_one_row_of_each_clip():
    table = build("walk/b.mp4", "run/x/y.mov", "jump/c.webm", class_texts={"walk": "strolling"})
    assert table.column_names == list(manifest.COLUMNS)
    assert set(table.schema.types) == {pa.string()}
    assert table.schema.metadata == {b"dataset": b"mine"}
    assert table["id"].to_pylist() == ["jump/c.webm", "run/x/y.mov", "walk/b.mp4"]
    assert table.to_pylist()[2] == {
        "id": "walk/b.mp4",
        "path": "walk/b.mp4",
        "key": "key of walk/b.mp4",
        "class": "walk",
        "class_text": "strolling",
        "split": "test",
        "status": "ok",
        "reason": "",
    }


@pytest.mark.parametrize(
    "extension", ["mp4", "mov", "avi", "mkv", "webm", "m4v", "3gp", "MP4", "Mov"]
)
def test_video_extensions_in_any_case(extension):
    assert reasons(build(f"run/1.{extension}", *clips_of("jump", "walk"))) == {}


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (
            "run/1.WMV",
            ".wmv is not read, mp4, mov, avi, mkv, webm, m4v, 3gp are: turn it into one of these",
        ),
        (("run/empty.mp4", 0), "zero bytes"),
        (("run/link.mp4", -1), "cannot be read (no right to, or a broken link)"),
    ],
)
def test_what_the_inventory_shows_as_unusable(file, reason):
    table = build(file, *clips_of("run", "jump", "walk"), max_rejected=0.1)
    assert list(reasons(table).values()) == [reason]


@pytest.mark.parametrize(
    ("path", "size", "kind", "reason"),
    [
        ("run/1", 0, "folder", "no frames (jpg, jpeg, png), or empty ones"),
        ("run/1", -1, "folder", "cannot be read (no right to, or a broken link)"),
        (
            "run/1.mp4",
            7,
            "stray",
            "a video file beside the folders of frames (dataset.kind: frame_folders)",
        ),
        (
            "run/1.wmv",
            7,
            "stray",
            "a video file beside the folders of frames (dataset.kind: frame_folders)",
        ),
    ],
)
def test_what_is_no_folder_of_frames(path, size, kind, reason):
    folders = files("run/1.b", "jump/1.mp4", "jump/v", "walk/1", kind="folder")
    table = pa.concat_tables([folders, files((path, size), kind=kind)])
    changes = {"kind": "frame_folders", "max_rejected": 0.2}
    built = manifest.build(table, dataset=dataset(**changes), split=LISTS)
    assert reasons(built) == {path: reason}
    assert built.num_rows == 5


def test_what_lies_beside_the_clips_is_in_no_row_and_does_not_count():
    beside = files("run/1.json", "run/Thumbs.db", "jump/@eaDir/", "docs/", kind="aside")
    clips = files(*clips_of("run", "jump", "walk"))
    table = pa.concat_tables([clips, beside])
    built = manifest.build(table, dataset=dataset(max_rejected=0.0), split=LISTS)
    assert built == manifest.build(clips, dataset=dataset(max_rejected=0.0), split=LISTS)
    assert built.num_rows == 9


def test_a_listed_class_without_clips_says_what_its_folder_holds():
    beside = files("walk/", "walk/1.jpg", "walk/2.jpg", kind="aside")
    table = pa.concat_tables([files(*clips_of("run", "jump")), beside])
    expected = "class 'walk' of split test has a folder, but no clips in it: 2 .jpg"
    with pytest.raises(DataError, match=expected):
        manifest.build(table, dataset=dataset(), split=LISTS)


def test_too_many_unusable_lists_the_first_few():
    bad = [(f"run/{number}.mp4", 0) for number in range(7)]
    with pytest.raises(DataError, match=r"7 of 16 clips.*max_rejected = 0.3") as error:
        build(
            *bad, *clips_of("jump", "walk"), *(f"run/ok{n}.mp4" for n in range(3)), max_rejected=0.3
        )
    assert "run/0.mp4: zero bytes" in str(error.value)
    assert "run/4.mp4" in str(error.value)
    assert "run/5.mp4" not in str(error.value)
    assert "and 2 more" in str(error.value)


def test_exactly_the_limit_is_allowed():
    table = build(("run/a.mp4", 0), "run/b.mp4", "jump/a.mp4", "walk/a.mp4", max_rejected=0.25)
    assert len(reasons(table)) == 1


def test_classes_in_no_split_are_listed_and_do_not_count_as_unusable():
    table = build(*clips_of("run", "jump", "walk", "swim"), "loose.mp4", ("swim/x.mp4", 0))
    assert set(reasons(table).values()) == {"class is in no split", "not in a class folder"}
    assert reasons(table)["swim/x.mp4"] == "class is in no split"
    assert reasons(table)["loose.mp4"] == "not in a class folder"
    assert len(reasons(table)) == 5


def test_a_listed_class_without_folder_names_the_nearest():
    with pytest.raises(DataError, match=r"'walk' of split test .*Did you mean 'walking'\?"):
        build(*clips_of("run", "jump", "walking"))


def test_a_class_in_two_splits_is_an_error():
    lists = LISTS | {"test": ["walk", "run"]}
    with pytest.raises(ConfigError, match=r"'run' is listed twice, in train and in test"):
        build(*clips_of("run", "jump", "walk"), class_lists=lists)


def test_an_override_of_an_unknown_class_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no class 'wlak'. Did you mean 'walk'\?"):
        build(*clips_of("run", "jump", "walk"), class_texts={"wlak": "walking"})


def test_counts_show_a_class_of_which_nothing_is_usable():
    table = build(("run/a.mp4", 0), *clips_of("jump", "walk"), max_rejected=1.0)
    assert manifest.clip_counts(table) == {
        "train": {"run": 0},
        "val": {"jump": 3},
        "test": {"walk": 3},
    }


class TestBenchmark:
    FILES = tuple(
        f"toy/{name}/{clip}.avi"
        for name in ("run", "throw_ball", "HandStand", "hop (on one leg)", "sit")
        for clip in "ab"
    )

    def table(self, *, files_=FILES, clips=None, released=None, **changes):
        classes = {
            split: [
                {"name": name, "clips": 2, "released": (released or {}).get(name)} for name in names
            ]
            for split, names in CLASSES.items()
        }
        published = Published("ucf101", toy(classes=classes), clips)
        values = {"benchmark": "ucf101", "split": "published"} | changes
        return manifest.build(files(*files_), dataset=dataset(**values), split=published)

    def test_a_row_of_a_clip_is_named_by_class_and_clip(self):
        table = self.table()
        assert table.column_names == list(manifest.COLUMNS)
        assert table["id"].to_pylist()[:2] == ["HandStand/a", "HandStand/b"]
        row = table.to_pylist()[0]
        assert (row["path"], row["split"]) == ("toy/HandStand/a.avi", "val")
        assert row["class_text"] == "hand stand"

    def test_the_metadata_say_what_it_is(self):
        metadata = self.table().schema.metadata
        assert metadata[b"benchmark"] == b"ucf101"
        assert metadata[b"variant"] == b"class_folders"
        assert metadata[b"says"] == b"what the class folders hold"
        assert json.loads(metadata[b"published"])["val"] == {"HandStand": 2}

    def test_class_texts_as_released_where_there_is_one(self):
        released = {"run": "Running", "sit": "Sit [down]"}
        texts = dict.fromkeys(["sit"], "sitting")
        table = self.table(released=released, names="as_released", class_texts=texts)
        found = dict(
            zip(*(table[name].to_pylist() for name in ("class", "class_text")), strict=True)
        )
        assert (found["run"], found["HandStand"], found["sit"]) == (
            "Running",
            "hand stand",
            "sitting",
        )
        cleaned = self.table(released=released)["class_text"].to_pylist()
        assert {"run", "sit"} <= set(cleaned)
        assert "Running" not in cleaned

    def test_missing_clips_and_duplicates_do_not_count_as_rejected(self):
        listed = [
            ListedClip(split, name, f"{name}_{clip}")
            for split, names in CLASSES.items()
            for name in names
            for clip in range(4)
        ]
        found = [f"{clip.clip}.avi" for clip in listed[::2]]
        files_ = [*found, *(f"copy/{path}" for path in found), "another.avi"]
        table = self.table(files_=files_, clips=listed, max_rejected=0.0)
        statuses = Counter(table["status"].to_pylist())
        assert statuses == {"ok": 10, "missing": 10, "duplicate": 10, "rejected": 1}
        files_[0] = (files_[0], 0)
        files_.remove(f"copy/{found[0]}")
        with pytest.raises(DataError, match=r"1 of 10 clips.*max_rejected = 0.05"):
            self.table(files_=files_, clips=listed, max_rejected=0.05)
        assert manifest.clip_counts(table)["val"] == {"HandStand": 2}

    def test_a_class_that_has_no_clips_left_counts_0(self):
        listed = [ListedClip("train", "run", "r"), ListedClip("test", "sit", "s")]
        table = self.table(files_=["r.avi"], clips=listed)
        assert manifest.clip_counts(table)["test"] == {"sit": 0}

    def test_too_many_rejected_of_those_that_are_there(self):
        files_ = [(path, 0 if number < 2 else 7) for number, path in enumerate(self.FILES)]
        with pytest.raises(DataError, match=r"2 of 10 clips.*max_rejected = 0.1"):
            self.table(files_=files_, max_rejected=0.1)


def test_the_same_content_under_two_ids():
    table = build(*clips_of("run", "jump", "walk"))
    assert manifest.same_content(table) == []
    keys = [
        "x" if path in ("run/0.mp4", "walk/1.mp4") else path for path in table["id"].to_pylist()
    ]
    table = table.set_column(2, "key", pa.array(keys))
    (group,) = manifest.same_content(table)
    assert [row["id"] for row in group] == ["run/0.mp4", "walk/1.mp4"]


CAFE, CAFE_OF_A_MAC = "caf\u00e9", "cafe\u0301"


class TestUnicode:
    """Folders as a Mac names them, lists as a keyboard types them, and the other way round."""

    @pytest.mark.parametrize(
        ("folder", "typed"), [(CAFE_OF_A_MAC, CAFE), (CAFE, CAFE_OF_A_MAC), (CAFE, CAFE)]
    )
    def test_lists_and_overrides_match_and_names_are_composed(self, folder, typed):
        table = build(
            *clips_of(folder, "jump", "walk"),
            class_lists=LISTS | {"train": [typed]},
            class_texts={typed: f"a {typed}"},
        )
        row = table.filter(pa.compute.equal(table["split"], "train")).to_pylist()[0]
        assert (row["class"], row["class_text"]) == (CAFE, f"a {CAFE}")
        assert row["path"] == row["id"] == f"{folder}/0.mp4"

    def test_two_folders_that_look_the_same_are_one_class(self):
        lists = LISTS | {"train": [CAFE]}
        table = build(*clips_of(CAFE, CAFE_OF_A_MAC, "jump", "walk"), class_lists=lists)
        assert manifest.clip_counts(table)["train"] == {CAFE: 6}

    def test_a_class_that_is_listed_in_both_forms_is_listed_twice(self):
        lists = LISTS | {"train": [CAFE], "test": [CAFE_OF_A_MAC]}
        with pytest.raises(ConfigError, match="listed twice, in train and in test"):
            build(*clips_of(CAFE, "jump"), class_lists=lists)

    def test_a_benchmarks_clips_are_found(self):
        listed = ListedClip("train", "run", CAFE)
        published = Published("ucf101", toy(), [listed])
        values = dataset(benchmark="ucf101", split="published")
        table = manifest.build(files(f"x/{CAFE_OF_A_MAC}.avi"), dataset=values, split=published)
        assert table["status"].to_pylist() == ["ok"]


class TestSameText:
    def test_across_splits_is_an_error(self):
        lists = {"train": ["OpenDoor"], "val": ["jump"], "test": ["open_door"]}
        with pytest.raises(DataError, match=r"'OpenDoor' \(train\), 'open_door' \(test\) have"):
            build(*clips_of("OpenDoor", "jump", "open_door"), class_lists=lists)

    def test_an_override_can_make_it_and_mend_it(self):
        entries = clips_of("run", "jump", "walk")
        with pytest.raises(DataError, match=r"'jump' \(val\), 'run' \(train\) have the same text"):
            build(*entries, class_texts={"jump": "Run"})
        build(*entries, class_texts={"jump": "Run", "run": "running"})

    def test_within_a_split_it_is_told(self):
        lists = {"train": ["Run", "run"], "val": ["jump"], "test": ["walk"]}
        table = build(*clips_of("Run", "run", "jump", "walk"), class_lists=lists)
        (warning,) = manifest.same_text(table)
        assert warning.startswith("classes 'Run' (train), 'run' (train) have the same text, 'run'")

    def test_a_benchmark_can_be_given_such_texts_too(self):
        values = dataset(benchmark="ucf101", split="published", class_texts={"sit": "run"})
        published = Published("ucf101", toy(), None)
        with pytest.raises(DataError, match=r"'run' \(train\), 'sit' \(test\) have the same text"):
            manifest.build(files(*TestBenchmark.FILES), dataset=values, split=published)


class TestSplitOfFolders:
    FILES = tuple(
        f"{place}/{clip}.mp4"
        for place in ("Train/run", "Train/sit/monday", "validation/jump", "test/walk")
        for clip in range(2)
    )

    def test_class_folders_in_folders_of_splits(self):
        table = build(*self.FILES, class_lists=None, split="folders")
        assert manifest.clip_counts(table) == {
            "train": {"run": 2, "sit": 2},
            "val": {"jump": 2},
            "test": {"walk": 2},
        }

    def test_what_is_in_none_is_listed(self):
        others = ("extra/x/1.mp4", "test/1.mp4", "1.mp4")
        table = build(*self.FILES, *others, class_lists=None, split="folders")
        assert reasons(table) == {
            "extra/x/1.mp4": "in 'extra', which is none of train, val, test",
            "test/1.mp4": "not in a class folder",
            "1.mp4": "not in a class folder",
        }

    def test_other_names_of_the_validation_split(self):
        files = (path.replace("validation", "eval") for path in self.FILES)
        table = build(*files, class_lists=None, split="folders")
        assert manifest.clip_counts(table)["val"] == {"jump": 2}

    def test_a_class_in_two_splits_is_an_error(self):
        expected = r"as these do: run \(train, test\)\. .* the clips of each class into one folder"
        with pytest.raises(DataError, match=expected):
            build(*self.FILES, "test/run/3.mp4", class_lists=None, split="folders")

    @pytest.mark.parametrize(
        ("paths", "message"),
        [
            (clips_of("run", "jump"), "folders train, val and test .* has none: let dataset.split"),
            (clips_of("all/train/run", "all/test/sit"), "set dataset.name: mine/all"),
            (clips_of("train", "test"), "the folders test, train, with clips in them"),
        ],
    )
    def test_another_layout_is_told(self, paths, message):
        with pytest.raises(DataError, match=message):
            build(*paths, class_lists=None, split="folders")


DRAWN = {"seed": 0, "train": 3, "val": 2, "test": 2}


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            clips_of("train/run", "val/jump", "test/walk"),
            r"'mine' holds the folders test, train, val, with class folders in them \(test/walk, "
            r"train/run, val/jump\), where the class folders should be: .*dataset\.split: folders",
        ),
        (clips_of("train", "test"), "put the clips of each class into a folder of its name"),
        (clips_of("videos/run", "videos/jump"), r"one folder, videos, .* dataset\.name: mine/vid"),
        (["a.mp4", "b.mp4"], r"2 clips in no folder, such as a\.mp4.*put the clips of each class"),
    ],
)
@pytest.mark.parametrize("split", [DRAWN, "lists.yaml"])
def test_a_folder_that_looks_otherwise_is_described(paths, message, split):
    with pytest.raises(DataError, match=message):
        build(*paths, class_lists=None if split == DRAWN else LISTS, split=split)


class TestDrawnSplit:
    names = tuple(f"class{number}" for number in range(12))

    def drawn(self, *, seed=0, train=5, val=2, test=3, names=names):
        split = {"seed": seed, "train": train, "val": val, "test": test}
        return build(*clips_of(*names), class_lists=None, split=split)

    @settings(max_examples=25)
    @given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3))
    def test_has_the_sizes_asked_for_and_the_rest_in_none(self, seed, train, val, test):
        table = self.drawn(seed=seed, train=train, val=val, test=test)
        counts = manifest.clip_counts(table)
        assert [len(counts[split]) for split in ("train", "val", "test")] == [train, val, test]
        assert len(reasons(table)) == 3 * (12 - train - val - test)

    def test_follows_from_the_seed_alone(self):
        assert self.drawn(seed=3) == self.drawn(seed=3, names=self.names[::-1])
        assert self.drawn(seed=3) != self.drawn(seed=4)

    def test_too_few_classes_says_how_many_there_are(self):
        with pytest.raises(DataError, match=r"asks for 14 classes \(train 9.*but 12 have clips"):
            self.drawn(train=9)

    def test_does_not_draw_a_folder_without_usable_clips(self):
        split = {"seed": 0, "train": 1, "val": 1, "test": 1}
        entries = [*clips_of("run", "jump", "walk"), ("swim/empty.mp4", 0)]
        assert reasons(build(*entries, class_lists=None, split=split)) == {
            "swim/empty.mp4": "class is in no split"
        }
