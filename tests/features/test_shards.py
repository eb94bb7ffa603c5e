"""Shards of features: round trip, views, number formats, damage."""

import h5py
import numpy as np
import pytest

from spm.base.errors import DataError
from spm.features.shards import FeatureShard, write_feature_shard

SHAPE = (4, 3)
CLIPS = [("a/1", 1), ("b/é", 3), ("c/3", 2)]


def views(count: int = 6) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, *SHAPE)).astype(np.float32)


def write(path, *, batches=None, storage="float32"):
    batches = [views()] if batches is None else batches
    write_feature_shard(path, batches, clips=CLIPS, shape=SHAPE, storage=storage)
    return FeatureShard(path)


@pytest.mark.parametrize("sizes", [[6], [1, 5], [2, 2, 2]])
def test_each_clip_has_its_views_however_they_came(tmp_path, sizes):
    given = views()
    shard = write(tmp_path / "s.h5", batches=np.split(given, np.cumsum(sizes)[:-1]))
    assert shard.shape == SHAPE
    assert [shard.views(row) for row in range(3)] == [0, 2, 1]
    read = [shard.read(row, view=view) for row, (_, n) in enumerate(CLIPS) for view in range(n)]
    np.testing.assert_array_equal(read, given)
    assert [name.decode() for name in shard.clips["id"]] == [name for name, _ in CLIPS]


def test_the_same_features_give_the_same_bytes(tmp_path):
    for name in ("one.h5", "two.h5"):
        write(tmp_path / name)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_half_precision_is_half_the_bytes_and_rounds(tmp_path):
    shard = write(tmp_path / "s.h5", storage="float16")
    assert shard.read(1, view=1).dtype == np.float16
    np.testing.assert_allclose(shard.read(1, view=1), views()[2], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("view", [-1, 3])
def test_a_view_that_is_not_there_is_refused(tmp_path, view):
    with pytest.raises(ValueError, match=f"clip 1 has views 0 to 2; got {view}"):
        write(tmp_path / "s.h5").read(1, view=view)


@pytest.mark.parametrize(
    ("value", "storage", "said"),
    [
        (1e6, "float16", r"up to 1e\+06 do not fit into float16: set features.storage to float32"),
        (np.inf, "float16", "up to inf do not fit into float16$"),
        (np.nan, "float32", "up to nan do not fit into float32$"),
    ],
)
def test_features_that_the_format_cannot_hold_are_refused(tmp_path, value, storage, said):
    bad = views()
    bad[3, 1, 2] = value
    with pytest.raises(DataError, match=said):
        write(tmp_path / "s.h5", batches=[bad], storage=storage)
    assert not list(tmp_path.iterdir())


def test_too_few_views_are_a_fault_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="5 views for 6 places"):
        write(tmp_path / "s.h5", batches=[views(5)])


def test_a_damaged_view_is_found_when_it_is_read(tmp_path):
    shard = write(tmp_path / "s.h5")
    with h5py.File(shard.path) as file:
        place = file["data"].id.get_offset() + 2 * 4 * 12
    content = bytearray(shard.path.read_bytes())
    content[place] ^= 1
    (tmp_path / "damaged.h5").write_bytes(content)
    damaged = FeatureShard(tmp_path / "damaged.h5")
    damaged.read(0)
    damaged.read(1)
    with pytest.raises(DataError, match=r"damaged.h5 is damaged \(checksum of view 2\).*features"):
        damaged.read(1, view=1)
    with pytest.raises(DataError, match="is damaged"):
        damaged.check()


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.97])
def test_a_shard_that_is_cut_is_damaged(tmp_path, keep):
    content = write(tmp_path / "s.h5").path.read_bytes()
    length = keep if isinstance(keep, int) else int(keep * len(content))
    (tmp_path / "cut.h5").write_bytes(content[:length])
    with pytest.raises(DataError, match="is damaged"):
        FeatureShard(tmp_path / "cut.h5").check()


def test_a_missing_shard_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.h5 is missing\. Rebuild it: .* features"):
        FeatureShard(tmp_path / "none.h5")
