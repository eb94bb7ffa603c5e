"""Reading data/frames."""

import multiprocessing
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spm.base.errors import DataError
from spm.frames.clip_index import INDEX
from spm.frames.shard_writer import write_shard
from spm.frames.store import FrameStore
from spm.video.clip import Clip

T, P = 4, 3
COLUMNS = ["id", "class", "split", "status"]


@pytest.fixture
def folder(tmp_path):
    """Six clips in two shards, two of them rejected; pixel value = 20 · clip + frame."""
    rows = []
    for shard in range(2):
        clips = [(f"{shard}{row}", Clip(_frames(2 * shard + row), "pyav", 40)) for row in range(2)]
        write_shard(
            tmp_path / f"{shard}.h5", clips, frames_per_clip=T * P, storage="raw", jpeg_quality=95
        )
        for row, (clip_id, _) in enumerate(clips):
            rows.append({"id": clip_id, "shard": f"{shard}.h5", "row": row, "status": "ok"})
        rows.append({"id": f"{shard}9", "shard": "", "row": -1, "status": "rejected"})
    names = ["b", "a", "a", "a", "c", "c"]
    splits = ["test", "test", "test", "test", "train", "test"]
    for row, name, split in zip(rows, names, splits, strict=True):
        row.update({"class": name, "split": split})
    metadata = {"num_segments": str(T), "samples_per_segment": str(P)}
    pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(metadata), tmp_path / INDEX)
    return tmp_path


def _frames(clip):
    values = 20 * clip + np.arange(T * P, dtype=np.uint8)
    return np.broadcast_to(values[:, None, None, None], (T * P, 6, 8, 3)).astype(np.uint8)


def values(frames):
    assert frames.shape == (T, 6, 8, 3)
    assert (frames == frames[:, :1, :1, :1]).all()
    return frames[:, 0, 0, 0].tolist()


def test_clips_are_the_usable_ones(folder):
    store = FrameStore(folder)
    assert store.clips["id"].to_pylist() == ["00", "01", "10", "11"]
    assert (store.num_frames, store.samples_per_segment) == (T, P)
    classes = store.classes("test")
    assert list(classes) == ["a", "b", "c"]
    assert classes["c"].tolist() == []  # it lost its clips, and is still a class
    assert classes["a"].tolist() == [1, 2]
    assert classes["b"].tolist() == [0]
    assert store.classes("train")["c"].tolist() == [3]
    assert store.classes("val") == {}


CLIPS = st.tuples(st.sampled_from("abc"), st.sampled_from(["train", "test", ""]), st.booleans())


@given(clips=st.lists(CLIPS, max_size=12))
def test_the_clips_of_a_class_are_those_that_the_index_names(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    rows = [
        {"id": f"{n:03}", "class": name, "split": split, "status": "ok" if ok else "rejected"}
        for n, (name, split, ok) in enumerate(clips)
    ]
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in COLUMNS}
    table = pa.table(columns | {"shard": columns["class"], "row": np.arange(len(rows))})
    metadata = {"num_segments": str(T), "samples_per_segment": str(P)}
    pq.write_table(table.replace_schema_metadata(metadata), folder / INDEX, row_group_size=5)
    store, usable = FrameStore(folder), [row for row in rows if row["status"] == "ok"]
    for split in ("train", "test", "val"):
        found = store.classes(split)
        assert list(found) == sorted({row["class"] for row in rows if row["split"] == split})
        for name, numbers in found.items():
            expected = [row for row in usable if (row["class"], row["split"]) == (name, split)]
            assert [usable[number] for number in numbers] == expected


def test_the_middle_sample_of_each_segment(folder):
    store = FrameStore(folder)
    assert values(store.read(0)) == [1, 4, 7, 10]
    assert values(store.read(3)) == [61, 64, 67, 70]


def test_the_samples_picked(folder):
    store = FrameStore(folder)
    assert values(store.read(2, pick=np.array([0, 2, 1, 0]))) == [40, 45, 47, 49]


@pytest.mark.parametrize("pick", [[0, 0, 0], [0, 0, 0, 3], [-1, 0, 0, 0]])
def test_picks_out_of_range_are_refused(folder, pick):
    with pytest.raises(ValueError, match="pick: 4 numbers below 3"):
        FrameStore(folder).read(0, pick=np.array(pick))


def test_identity_follows_the_index(folder):
    before = FrameStore(folder).identity
    assert FrameStore(folder).identity == before
    table = pq.read_table(folder / INDEX)
    pq.write_table(table.slice(1), folder / INDEX)
    assert FrameStore(folder).identity != before


def test_a_store_can_be_pickled(folder):
    store = FrameStore(folder)
    store.read(0)
    assert values(pickle.loads(pickle.dumps(store)).read(3)) == [61, 64, 67, 70]


def test_a_store_serves_processes_forked_from_it(folder):
    store = FrameStore(folder)
    store.read(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        read = pool.map(store.read, [0, 1, 2, 3] * 20)
    assert [values(frames)[0] for frames in read] == [1, 21, 41, 61] * 20


def test_a_damaged_shard_is_named(folder):
    path = folder / "1.h5"
    path.write_bytes(path.read_bytes()[:-200])
    store = FrameStore(folder)
    assert values(store.read(1)) == [21, 24, 27, 30]
    with pytest.raises(DataError, match=r"1\.h5 is damaged .* dvc repro -f -s frames"):
        store.read(3)


def test_a_folder_that_was_not_built(tmp_path):
    with pytest.raises(
        DataError, match=r"index\.parquet is missing: build it with dvc repro frames"
    ):
        FrameStore(tmp_path / "frames")
