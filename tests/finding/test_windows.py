"""Windows: the same ones however the video comes in, sampled as clips are."""

from itertools import pairwise

import numpy as np
import pytest

from spm.base.errors import ConfigError
from spm.finding.windows import Windows, lengths_of, make_windows, rate_for
from spm.video.sampling import segment_frames

WINDOWS = Windows((8, 13, 30), num_frames=8)


def all_of(windows: Windows, *, total: int, part: int) -> list[list[int]]:
    """The windows of a video that comes in parts."""
    borders = [*range(0, total, part), total]
    found = [windows.ending(a, b) for a, b in pairwise(borders)]
    return np.concatenate([*found, windows.at_the_end(total)]).tolist()


@pytest.mark.parametrize("part", [1, 7, 64, 1000])
def test_the_size_of_the_parts_changes_no_window(part: int) -> None:
    assert all_of(WINDOWS, total=200, part=part) == all_of(WINDOWS, total=200, part=200)


@pytest.mark.parametrize("total", [30, 31, 64, 97, 200])
def test_every_length_covers_the_video_from_its_first_to_its_last_picture(total: int) -> None:
    found = all_of(WINDOWS, total=total, part=64)
    assert len({*map(tuple, found)}) == len(found)
    for length in WINDOWS.lengths:
        starts = sorted(start for start, each in found if each == length)
        assert starts[0] == 0
        assert starts[-1] == total - length
        assert np.diff(starts).max(initial=0) <= max(1, length // 4)


def test_no_window_reaches_beyond_the_pictures_that_are_there() -> None:
    for after in range(0, 90, 9):
        found = WINDOWS.ending(after, after + 9)
        ends = found.sum(axis=1)
        assert (ends > after).all()
        assert (ends <= after + 9).all()
        assert (found[:, 0] >= 0).all()


def test_a_video_shorter_than_all_windows_is_one_window() -> None:
    assert all_of(WINDOWS, total=5, part=64) == [[0, 5]]
    assert all_of(WINDOWS, total=1, part=64) == [[0, 1]]
    assert all_of(WINDOWS, total=8, part=64) == [[0, 8]]


def test_a_window_is_sampled_as_a_clip_of_its_length() -> None:
    pictures = WINDOWS.frames(np.array([[100, 13], [4, 30]]))
    for row, (start, length) in zip(pictures, [(100, 13), (4, 30)], strict=True):
        expected = segment_frames(length, num_segments=8, samples_per_segment=1)
        assert (row == start + expected[:, 0]).all()
    assert WINDOWS.frames(np.empty((0, 2), np.int64)).shape == (0, 8)


def test_lengths_reach_around_those_of_the_examples() -> None:
    found = lengths_of([4.0, 2.0, 3.0])
    assert found[0] == pytest.approx(1.6)
    assert found[-1] == pytest.approx(5)
    ratios = np.divide(found[1:], found[:-1])
    assert (ratios <= 1.25 + 1e-9).all()
    assert len(lengths_of([2.0])) == 3


def test_the_shortest_window_has_t_pictures_where_the_video_has_them() -> None:
    assert rate_for([1.6, 5], num_frames=8, frames_per_second=25) == pytest.approx(5)
    assert rate_for([0.1, 5], num_frames=8, frames_per_second=25) == 25


def test_lengths_in_pictures() -> None:
    assert make_windows([5, 1.6, 1.61], rate=5, num_frames=8).lengths == (8, 25)
    with pytest.raises(ConfigError, match=r"a window of 0\.1 s has less than one picture at 5"):
        make_windows([0.1, 1], rate=5, num_frames=8)
