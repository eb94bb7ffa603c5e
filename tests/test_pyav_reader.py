"""Seeking gives the frames of sequential decoding, or gives way to it."""

from functools import partial

import numpy as np
import pytest

from spm.errors import DataError
from spm.packets import Video
from spm.pyav_reader import _runs, read_with_pyav
from spm.video import resize
from tests.burnt import numbers, write_clip
from tests.remade import flag_keyframe, remux
from tests.test_packets import OPEN

EIGHT = partial(np.linspace, 0, num=8, endpoint=False, dtype=np.int64)
SMALL = partial(resize, short_side=96, keep_aspect=True)


def read(path, *, pick=EIGHT, seek=True):
    return read_with_pyav(path, pick=pick, resize=SMALL, seek=seek)


@pytest.mark.parametrize(
    ("wanted", "runs"),
    [
        ({0}, [range(1)]),
        ({2}, [range(4)]),
        ({6}, [range(4, 5)]),
        ({9}, [range(4, 8)]),
        ({0, 9}, [range(1), range(4, 8)]),
        ({3, 6}, [range(2), range(4, 5)]),
        ({2, 6}, [range(5)]),  # one run into the other
        ({6, 5}, [range(7)]),  # 5 needs packet 0, after 6 was planned from packet 4
    ],
)
def test_what_is_decoded(wanted, runs):
    assert _runs(OPEN, wanted) == runs


def test_only_the_packets_that_are_needed_are_decoded(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "clip.mp4", gop=10)
    fed = []
    decode = "spm.pyav_reader._decode"
    monkeypatch.setattr(decode, lambda codec, packets: _record(codec, list(packets), fed))
    assert numbers(read(path, pick=lambda num: np.array([0, 31])).frames) == [0, 31]
    assert fed[0] == 1
    assert fed[1] <= 10
    assert len(fed) == 2


def _record(codec, packets, fed):
    fed.append(len(packets))
    codec.skip_frame = "DEFAULT"
    for packet in [*packets, None]:
        yield from codec.decode(packet)


@pytest.mark.parametrize("codec", ["mpeg4"])
def test_a_keyframe_that_is_none_is_found_out(tmp_path, codec):
    whole = write_clip(tmp_path / "whole.mp4", codec=codec)
    path = remux(whole, tmp_path / "clip.mp4", change=flag_keyframe)
    with_false_start = read(path, pick=lambda num: np.array([20]))
    assert (numbers(with_false_start.frames), with_false_start.reader) == ([20], "pyav")
    before = read(path, pick=lambda num: np.array([5]))
    assert (numbers(before.frames), before.reader) == ([5], "pyav-seek")


def test_times_that_the_decoder_does_not_keep_to(tmp_path, monkeypatch):
    """Seeking is tried in B-frames whose times are in the order of storing, and given up."""
    from tests.remade import in_storing_order

    whole = write_clip(tmp_path / "whole.mkv")
    path = remux(whole, tmp_path / "clip.mkv", change=in_storing_order)
    monkeypatch.setattr(Video, "trap", "")
    clip = read(path)
    assert (numbers(clip.frames), clip.reader) == ([0, 5, 10, 15, 20, 25, 30, 35], "pyav")


def test_damage_is_found_where_the_decoder_could_paint_over_it(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", gop=40)
    data = bytearray(path.read_bytes())
    middle = (data.index(b"mdat") + data.index(b"moov")) // 2
    for at in range(middle, middle + 200, 10):
        data[at] ^= 0x55
    path.write_bytes(data)
    for seek in (True, False):
        with pytest.raises(DataError, match=r"damaged: cannot be decoded after \d+ of 40 frames"):
            read(path, seek=seek)
    assert read(path, pick=lambda num: np.array([1])).reader == "pyav-seek"  # before the damage


def test_fewer_frames_than_packets(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "clip.avi", codec="mpeg4")
    monkeypatch.setattr("spm.pyav_reader._decode_all", lambda *args, **kwargs: ([], 31))
    with pytest.raises(DataError, match="has 40 frames, 31 could be decoded"):
        read(path, seek=False)
