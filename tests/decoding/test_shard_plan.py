"""What a shard's name depends on."""

import pyarrow as pa
import pytest

from pipeline.decoding import shard_plan
from pipeline.decoding.shard_plan import plan_shards
from spm.base import versions
from tests.manifests import frames_config


def manifest(num_clips, *, changed=()):
    rows = [
        {
            "id": f"class/{number:04d}.mp4",
            "path": f"class/{number:04d}.mp4",
            "key": "new" if number in changed else "old",
            "status": "ok",
        }
        for number in range(num_clips)
    ]
    return pa.Table.from_pylist(rows)


def names(table, **changes):
    return {shard.name for shard in plan_shards(table, frames=frames_config(**changes))}


def test_every_usable_clip_is_in_one_shard():
    table = pa.Table.from_pylist(
        [*manifest(100).to_pylist(), {"id": "x", "path": "x", "key": "", "status": "rejected"}]
    )
    ids = [
        clip["id"] for shard in plan_shards(table, frames=frames_config()) for clip in shard.clips
    ]
    assert sorted(ids) == manifest(100)["id"].to_pylist()


def test_clips_are_spread_evenly():
    shards = plan_shards(manifest(1600), frames=frames_config(num_shards=16))
    sizes = [len(shard.clips) for shard in shards]
    assert len(sizes) == 16
    assert min(sizes) > 60
    assert max(sizes) < 140


def test_ten_new_clips_touch_only_their_shards():
    before, after = (names(manifest(number), num_shards=100) for number in (1000, 1010))
    assert 1 <= len(before - after) <= 10
    assert len(after - before) == len(before - after)


def test_a_clip_with_new_contents_touches_its_shard():
    assert len(names(manifest(100)) - names(manifest(100, changed=[3]))) == 1


def test_the_order_of_the_manifest_is_not_in_the_names():
    table = manifest(100)
    assert names(table) == names(table.take(list(reversed(range(100)))))


@pytest.mark.parametrize(
    "change",
    [
        {"num_segments": 8},
        {"samples_per_segment": 2},
        {"short_side": 64},
        {"storage": "jpeg"},
        {"reader": "pyav"},
    ],
)
def test_what_changes_bytes_changes_every_name(change):
    assert not names(manifest(100)) & names(manifest(100), **change)


def test_jpeg_quality_counts_for_jpeg_only():
    table = manifest(100)
    assert names(table, jpeg_quality=50) == names(table)
    assert not names(table, jpeg_quality=50, storage="jpeg") & names(table, storage="jpeg")


def test_code_and_versions_are_in_the_names(monkeypatch):
    before = names(manifest(10))
    monkeypatch.setattr(versions, "version", lambda name: "0")
    other_versions = names(manifest(10))
    assert not before & other_versions
    monkeypatch.setattr(shard_plan, "_code", lambda: "other code")
    assert not other_versions & names(manifest(10))
