"""Real clips, where the folder with them is at hand: H.264 and HEVC, 320×240 to 1920×1080."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.decoding.decode import fill_store
from pipeline.decoding.frames_folder import write_folder
from pipeline.decoding.shard_plan import plan_shards
from spm.frames.clip_index import INDEX
from spm.frames.integrity import INTEGRITY
from spm.frames.store import FrameStore
from spm.video.reading import read_frames
from spm.video.sampling import segment_frames
from tests.import_closure import ROOT
from tests.manifests import frames_config, make_manifest, runtime_config

CLIPS = ROOT.parent / "shared" / "clips"

pytestmark = pytest.mark.skipif(not CLIPS.is_dir(), reason=f"{CLIPS} is not there")


def test_all_clips_through_the_flow(tmp_path, prefect_home):
    manifest = make_manifest(CLIPS)
    frames = frames_config(num_segments=8, short_side=256, storage="jpeg", num_shards=4)
    shards = plan_shards(manifest, frames=frames)
    store, out = tmp_path / "store", tmp_path / "frames"
    fill_store(
        shards,
        store=store,
        videos=CLIPS,
        frames=frames,
        runtime=runtime_config(),
        prefect_home=prefect_home,
    )
    write_folder(out, manifest=manifest, shards=shards, store=store, frames=frames)

    rows = pq.read_table(out / INDEX).to_pylist()
    assert [row["status"] for row in rows] == ["ok"] * 24
    assert {min(row["width"], row["height"]) for row in rows} == {256}
    classes = json.loads((out / INTEGRITY).read_text())["coverage"]["train"]["classes"]
    assert {name: counts["usable"] for name, counts in classes.items()} == dict.fromkeys(
        ("fight", "kickflip", "no_fight", "ollie"), 6
    )
    clips = FrameStore(out)
    for number, row in enumerate(rows):
        assert clips.read(number).shape == (8, row["height"], row["width"], 3)


def test_auto_seeks_and_gives_the_frames_of_sequential_decoding():
    """In all 24, which sequential decoding finds undamaged; decord misreads those with edit lists
    (it counts 57 frames in ollie/02_Ollie11.mov, which shows 51)."""

    def pick(num):
        return segment_frames(num, num_segments=8, samples_per_segment=1)[:, 0]

    paths = sorted(CLIPS.glob("*/*"))
    assert len(paths) == 24
    for path in paths:
        chosen = read_frames(path, pick=pick, short_side=128)
        in_sequence = read_frames(path, pick=pick, short_side=128, reader="pyav")
        assert (chosen.reader, in_sequence.reader) == ("pyav-seek", "pyav")
        assert chosen.video_frames == in_sequence.video_frames
        assert np.array_equal(chosen.frames, in_sequence.frames), path
