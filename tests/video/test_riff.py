"""What is known of an avi without decoding it."""

import numpy as np
import pytest

from bench.burnt import numbers, write_clip
from bench.catalogue import MJPEG
from bench.remade import declare_more, end_still, pause, pipe, remux, truncate
from spm.base.errors import DataError
from spm.video.container import is_live
from spm.video.packets import open_packets
from spm.video.reading import read_frames
from spm.video.riff import num_empty_chunks
from tests.machines import told


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.avi", **MJPEG)


def with_pauses(clip):
    return remux(clip, clip.with_name("pauses.avi"), change=pause)


def num_frames(path):
    with open_packets(path) as video:
        return video.num_frames


def test_empty_chunks_are_counted_and_are_no_frames(clip):
    paused = with_pauses(clip)
    assert [num_empty_chunks(path, stream=0) for path in (clip, paused)] == [0, 9]
    assert num_empty_chunks(paused, stream=1) == 0
    assert num_frames(clip) == num_frames(paused) == 40
    assert num_empty_chunks(end_still(paused, num_frames=5), stream=0) == 14
    assert num_frames(paused) == 40


def test_a_thousand_chunks_a_second(tmp_path):
    """As a variable rate in milliseconds becomes an avi: 49 of 50 chunks are empty."""
    path = write_clip(tmp_path / "clip.avi", **MJPEG, milliseconds=lambda number: 50 * number)
    assert num_empty_chunks(path, stream=0) == 40 * 49
    assert num_frames(path) == 40


@pytest.mark.parametrize("more", [3, 20])
def test_frames_that_are_lost_beside_empty_chunks(clip, more):
    path = declare_more(with_pauses(clip), num_frames=40 + 9 + more)
    with pytest.raises(DataError, match=f"declares {49 + more} frames, 40 could") as error:
        num_frames(path)
    assert told("an avi that lost frames").fullmatch(str(error.value))


def test_a_recording_that_was_killed(clip):
    """What was written is right, and the frame that was being written is its end."""
    assert not is_live(clip)
    path = truncate(pipe(clip), share=0.5)
    assert is_live(path)
    begun = path.read_bytes().count(b"00dc")
    assert 10 < begun < 40
    read = read_frames(path, pick=np.arange, short_side=96)
    assert numbers(read.frames) == list(range(begun - 1))


def test_an_ordinary_avi_that_was_cut_off(clip):
    with pytest.raises(DataError, match=told("an avi that was cut off").pattern):
        num_frames(truncate(with_pauses(clip), share=0.9))
