"""One shard: round trip, bytes, damage."""

from io import BytesIO
from itertools import pairwise

import h5py
import numpy as np
import pytest
from PIL import Image

from spm.base.errors import DataError, TransientError
from spm.base.hashing import file_hash
from spm.frames.shard_writer import write_shard
from spm.frames.shards import Shard
from spm.video.clip import Clip

SIZES = [(24, 32), (32, 24), (25, 31)]


def make_clips(*, num_frames=4):
    rng = np.random.default_rng(0)
    for number, size in enumerate(SIZES):
        coarse = rng.integers(0, 256, (num_frames, *(side // 8 + 1 for side in size), 3), np.uint8)
        frames = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : size[0], : size[1]]
        yield f"class/è{number}.mp4", Clip(frames, "pyav", 40 + number)


def write(path, *, clips=None, storage="raw", jpeg_quality=95):
    clips = make_clips() if clips is None else clips
    write_shard(path, clips, frames_per_clip=4, storage=storage, jpeg_quality=jpeg_quality)
    return Shard(path)


def test_raw_frames_come_back_as_they_were(tmp_path):
    shard = write(tmp_path / "a.h5")
    for row, (clip_id, clip) in enumerate(make_clips()):
        assert (shard.read(row) == clip.frames).all()
        assert shard.clips[row]["id"].decode() == clip_id
        assert shard.clips[row]["video_frames"] == clip.video_frames
        assert shard.clips[row]["reader"] == b"pyav"


def test_jpeg_frames_are_what_pil_decodes(tmp_path):
    shard = write(tmp_path / "a.h5", storage="jpeg", jpeg_quality=95)
    with h5py.File(tmp_path / "a.h5") as file:
        starts = [0, *file["frames"]["end"]]
        files = [file["data"][start:end].tobytes() for start, end in pairwise(starts)]
    for row, (_, clip) in enumerate(make_clips()):
        for number, stored in enumerate(shard.read(row)):
            image = Image.open(BytesIO(files[4 * row + number]))
            assert [part[1:3] for part in image.layer] == [(2, 2), (1, 1), (1, 1)]  # 4:2:0
            assert (stored == np.asarray(image)).all()
            assert abs(stored.astype(int) - clip.frames[number]).mean() < 12


def test_quality_is_used(tmp_path):
    sizes = [
        write(tmp_path / f"{quality}.h5", storage="jpeg", jpeg_quality=quality) and quality
        for quality in (30, 95)
    ]
    low, high = ((tmp_path / f"{quality}.h5").stat().st_size for quality in sizes)
    assert low < high


@pytest.mark.parametrize("storage", ["raw", "jpeg"])
@pytest.mark.parametrize("frames", [[0, 1, 2, 3], [2], [1, 2], [3, 0, 2], [1, 1]])
def test_some_frames_of_a_clip(tmp_path, storage, frames):
    shard = write(tmp_path / "a.h5", storage=storage)
    for row in range(len(SIZES)):
        assert (shard.read(row, frames=np.array(frames)) == shard.read(row)[frames]).all()


@pytest.mark.parametrize("storage", ["raw", "jpeg"])
def test_the_same_clips_give_the_same_bytes(tmp_path, storage):
    for name in ("a.h5", "b.h5"):
        write(tmp_path / name, storage=storage)
    assert file_hash(tmp_path / "a.h5") == file_hash(tmp_path / "b.h5")


def test_rejected_clips_keep_their_reason(tmp_path):
    shard = write(tmp_path / "a.h5", clips=[*make_clips(), ("b/x.mp4", DataError("no videö"))])
    assert len(shard.clips) == len(SIZES)
    assert [row["id"].decode() for row in shard.rejected] == ["b/x.mp4"]
    assert [row["reason"].decode() for row in shard.rejected] == ["no videö"]
    assert shard.is_final


def test_a_shard_with_a_clip_that_ran_out_of_time_is_not_final(tmp_path):
    bad = [("b/x.mp4", DataError("no video")), ("b/y.mp4", TransientError("out of time"))]
    shard = write(tmp_path / "a.h5", clips=[*make_clips(), *bad])
    assert shard.rejected["transient"].tolist() == [0, 1]
    assert not shard.is_final


def test_a_shard_of_rejected_clips_only(tmp_path):
    shard = write(tmp_path / "a.h5", clips=[("x.mp4", DataError("empty"))])
    shard.check()
    assert len(shard.clips) == 0
    assert len(shard.rejected) == 1


def test_nothing_is_left_of_a_shard_that_fails(tmp_path):
    def clips():
        yield from make_clips()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write(tmp_path / "a.h5", clips=clips())
    assert list(tmp_path.iterdir()) == []


def test_a_clip_with_another_number_of_frames_is_refused(tmp_path):
    with pytest.raises(ValueError, match="3 frames, not 4"):
        write(tmp_path / "a.h5", clips=make_clips(num_frames=3))


@pytest.mark.parametrize("storage", ["raw", "jpeg"])
def test_a_changed_byte_anywhere_in_the_frames_is_found(tmp_path, storage):
    path = tmp_path / "a.h5"
    write(path, storage=storage)
    data = path.read_bytes()
    with open(path, "r+b") as file:  # the frames are the last block of the file
        file.seek(len(data) - 100)
        file.write(bytes([data[-100] ^ 1]))
    damaged = Shard(path)
    with pytest.raises(DataError, match=r"a\.h5 is damaged \(checksum of frame 11\)"):
        damaged.check()
    with pytest.raises(DataError, match=r"chmod u\+w .*a\.h5 && dvc repro -f -s frames"):
        damaged.read(2)
    assert damaged.read(0).shape == (4, 24, 32, 3)


@pytest.mark.parametrize("share", [0, 0.02, 0.3, 0.99])
def test_a_truncated_shard_is_found(tmp_path, share):
    path = tmp_path / "a.h5"
    write(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match="is damaged"):
        Shard(path).check()


def test_no_byte_of_the_tables_can_change_unnoticed(tmp_path):
    path = tmp_path / "a.h5"
    data = bytearray(write(path).path.read_bytes())
    start = data.index("class/è0.mp4".encode())
    data[start + 6] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"is damaged \(checksum of its tables\)"):
        Shard(path)


def test_a_missing_shard_is_named(tmp_path):
    with pytest.raises(
        DataError, match=r"gone\.h5 is missing\. Rebuild it: dvc repro -f -s frames"
    ):
        Shard(tmp_path / "gone.h5")
