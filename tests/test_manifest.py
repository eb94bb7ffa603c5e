"""spm.manifest and spm.splits: who is in which split, and what is rejected with which reason."""

import json
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm import inventory, manifest
from spm.benchmarks import ListedClip
from spm.config.dataset import DatasetConfig
from spm.errors import ConfigError, DataError
from spm.published_clips import Published
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
        "motion": {"seed": 0, "clips_per_class": 1},
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


@pytest.mark.parametrize("extension", ["mp4", "mov", "avi", "mkv", "webm", "MP4", "Mov"])
def test_video_extensions_in_any_case(extension):
    assert reasons(build(f"run/1.{extension}", *clips_of("jump", "walk"))) == {}


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("run/notes.txt", "not a video file: .txt is none of mp4, mov, avi, mkv, webm"),
        ("run/noextension", "not a video file: . is none of mp4, mov, avi, mkv, webm"),
        ("run/1.JPG", "an image, no video: of folders of frames, dataset.kind is frame_folders"),
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
            "run/list.txt",
            7,
            "stray",
            "a file beside the folders of frames (dataset.kind: frame_folders)",
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
    table = build(*clips_of("run", "jump", "walk", "swim"), "readme.md", ("swim/x.mp4", 0))
    assert set(reasons(table).values()) == {"class is in no split", "not in a class folder"}
    assert reasons(table)["swim/x.mp4"] == "class is in no split"
    assert reasons(table)["readme.md"] == "not in a class folder"
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
        entries = [*clips_of("run", "jump", "walk"), "docs/paper.pdf"]
        assert reasons(build(*entries, class_lists=None, split=split)) == {
            "docs/paper.pdf": "class is in no split"
        }
