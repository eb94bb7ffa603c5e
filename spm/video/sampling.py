"""Sparse sampling as TSN does it: which frames of a clip are kept.

T segments (`num_segments`), P samples in each (`samples_per_segment`), V frames in the clip.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from spm.base.errors import DataError


def segment_frames(
    num_video_frames: int,
    *,
    num_segments: int,
    samples_per_segment: int,
    short_clips: Literal["repeat", "reject"] = "repeat",
) -> npt.NDArray[np.int64]:
    """Frame indices [T, P]: the clip in T equal segments, a sample in the centre of each P-th part.

    Sample k of all T·P is the frame on show at the point V·(2k+1) / (2·T·P) of the clip:

        V = 12, T = 4, P = 1              V = 12, T = 2, P = 2
        |0 1 2|3 4 5|6 7 8|9 10 11|       |0 1 2 : 3 4 5|6 7 8 : 9 10 11|
           1     4     7    10                1     4        7     10

    With P = 1, sample k is the middle frame of segment k; of two middle frames, the later one.

    For a clip with fewer than T·P frames, the same formula repeats frames. No frame is made up and
    the order stays:

        V = 3, T = 8, P = 1:   0 0 0 1 1 2 2 2

    Raises ValueError for a clip without frames, DataError for one with fewer than T where
    `short_clips` is `reject`.
    """
    if num_video_frames < 1:
        raise ValueError(f"a clip has at least one frame; got {num_video_frames}")
    if short_clips == "reject" and num_video_frames < num_segments:
        raise DataError(f"short: has {num_video_frames} frames, a clip takes {num_segments}")
    count = num_segments * samples_per_segment
    centres = num_video_frames * (2 * np.arange(count, dtype=np.int64) + 1) // (2 * count)
    return centres.reshape(num_segments, samples_per_segment)
