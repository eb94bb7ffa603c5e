"""Sparse sampling: table and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spm.base.errors import DataError
from spm.video.sampling import segment_frames

COUNTS = st.integers(1, 20)


@pytest.mark.parametrize(
    ("num_video_frames", "num_segments", "samples_per_segment", "expected"),
    [
        (12, 4, 1, [[1], [4], [7], [10]]),
        (12, 2, 2, [[1, 4], [7, 10]]),
        (3, 8, 1, [[0], [0], [0], [1], [1], [2], [2], [2]]),
        (1, 2, 2, [[0, 0], [0, 0]]),
        (40, 8, 1, [[2], [7], [12], [17], [22], [27], [32], [37]]),
    ],
)
def test_table(num_video_frames, num_segments, samples_per_segment, expected):
    frames = segment_frames(
        num_video_frames, num_segments=num_segments, samples_per_segment=samples_per_segment
    )
    assert frames.dtype == np.int64
    assert frames.tolist() == expected


@given(st.integers(1, 10_000), COUNTS, COUNTS)
def test_in_range_in_order_and_symmetric(num_video_frames, num_segments, samples_per_segment):
    frames = segment_frames(
        num_video_frames, num_segments=num_segments, samples_per_segment=samples_per_segment
    )
    assert frames.shape == (num_segments, samples_per_segment)
    flat = frames.reshape(-1)
    assert flat[0] >= 0
    assert flat[-1] < num_video_frames
    assert (np.diff(flat) >= 0).all()
    mirrored = flat + flat[::-1] - (num_video_frames - 1)
    assert set(mirrored.tolist()) <= {0, 1}  # 1 where two frames are in the middle


@given(st.integers(1, 500), COUNTS)
def test_one_sample_is_the_middle_frame_of_its_segment(frames_per_segment, num_segments):
    frames = segment_frames(
        frames_per_segment * num_segments, num_segments=num_segments, samples_per_segment=1
    )
    starts = np.arange(num_segments) * frames_per_segment
    assert (frames[:, 0] == starts + frames_per_segment // 2).all()


@given(st.integers(1, 500), COUNTS, st.integers(1, 9).filter(lambda n: n % 2))
def test_an_odd_number_of_samples_has_the_middle_frame_among_them(num_video_frames, num, samples):
    several = segment_frames(num_video_frames, num_segments=num, samples_per_segment=samples)
    one = segment_frames(num_video_frames, num_segments=num, samples_per_segment=1)
    assert (several[:, samples // 2] == one[:, 0]).all()


def test_a_clip_without_frames_is_refused():
    with pytest.raises(ValueError, match="at least one frame"):
        segment_frames(0, num_segments=8, samples_per_segment=1)


def test_a_clip_shorter_than_t_is_rejected_where_that_is_asked():
    sampled = {"num_segments": 4, "samples_per_segment": 2}
    with pytest.raises(DataError, match="has 3 frames, a clip takes 4"):
        segment_frames(3, **sampled, short_clips="reject")
    enough = segment_frames(4, **sampled, short_clips="reject")
    assert (enough == segment_frames(4, **sampled)).all()
