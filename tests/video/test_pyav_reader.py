"""Seeking gives the frames of sequential decoding, or gives way to it."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from bench.burnt import numbers, write_clip
from bench.remade import flag_keyframe, in_storing_order, remux
from spm.base.errors import DataError
from spm.video.packets import Video
from spm.video.pyav_reader import _decode_run, _needed, _runs, _UnexpectedFrameError, read_with_pyav
from spm.video.reading import resize
from tests.video.test_packets import OPEN

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
    decode = "spm.video.pyav_reader._decode"
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


def test_what_the_decoder_gets():
    told = []
    codec = SimpleNamespace(name="h264")
    video = replace(OPEN, codec=codec)
    for packet in _needed(video, range(4, 8), {9}):
        told.append((packet.pts, codec.skip_frame))
    assert told == [(6, "DEFAULT"), (9, "DEFAULT")]  # neither 4 nor 5, which lie before 6
    told = [(packet.pts, codec.skip_frame) for packet in _needed(video, range(4), {2})]
    assert told == [(0, "DEFAULT"), (3, "NONREF"), (1, "NONREF"), (2, "DEFAULT")]


def test_frames_before_a_keyframe_in_time_are_not_decoded_without_need(tmp_path):
    path = write_clip(tmp_path / "open.mkv", codec="mpeg2video")
    clip = read(path, pick=lambda num: np.array([30]))
    assert (numbers(clip.frames), clip.reader) == ([30], "pyav-seek")


@pytest.mark.parametrize(("pts", "is_key"), [(6, False), (5, True)])
def test_what_comes_first_must_be_the_keyframe(pts, is_key):
    frame = SimpleNamespace(pts=pts, key_frame=is_key)
    codec = SimpleNamespace(
        name="mpeg2video", flush_buffers=lambda: None, decode=lambda packet: [frame]
    )
    with pytest.raises(_UnexpectedFrameError):
        next(_decode_run(replace(OPEN, codec=codec), range(4, 8), {9}))


def test_a_keyframe_that_is_none_is_found_out(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4", codec="mpeg4")
    path = remux(whole, tmp_path / "clip.mp4", change=flag_keyframe)
    with_false_start = read(path, pick=lambda num: np.array([20]))
    assert (numbers(with_false_start.frames), with_false_start.reader) == ([20], "pyav")
    before = read(path, pick=lambda num: np.array([5]))
    assert (numbers(before.frames), before.reader) == ([5], "pyav-seek")


def test_times_that_the_decoder_does_not_keep_to(tmp_path, monkeypatch):
    """Seeking is tried in B-frames whose times are in the order of storing, and given up."""
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
    monkeypatch.setattr("spm.video.pyav_reader._decode_all", lambda *args, **kwargs: ([], 31))
    with pytest.raises(DataError, match="has 40 frames, 31 could be decoded"):
        read(path, seek=False)
