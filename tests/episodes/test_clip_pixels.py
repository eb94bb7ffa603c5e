"""A single clip is seen as the frame store would have kept it."""

from pathlib import Path

import numpy as np
import pytest

from spm.base.errors import DataError
from spm.base.yaml_file import read_yaml
from spm.config.frames import FramesConfig
from spm.episodes.clip_pixels import read_pixels
from spm.motion.mp4 import write_mp4
from stages.shared import params


@pytest.mark.parametrize(("samples", "expected"), [(1, [3, 9, 15, 21]), (2, [4, 10, 16, 22])])
def test_the_middle_sample_of_each_segment_is_taken(
    tmp_path: Path, samples: int, expected: list[int]
) -> None:
    """Frame number n is a picture of grey value 10 n, 24 frames, T = 4."""
    changes = {"num_segments": 4, "samples_per_segment": samples, "short_side": 32}
    frames = FramesConfig(**read_yaml(params.PARAMS)["frames"] | changes)
    grey = 10 * np.arange(24, dtype=np.uint8)
    video = np.broadcast_to(grey[:, None, None, None], (24, 32, 48, 3))
    write_mp4(np.ascontiguousarray(video), tmp_path / "a.mp4", frames_per_second=8)
    pixels = read_pixels(tmp_path / "a.mp4", frames=frames, size=24)
    assert pixels.shape == (4, 24, 24, 3)
    seen = pixels.float().mean(dim=(1, 2, 3)) / 10
    assert seen.round().tolist() == expected


def test_squares_and_short_clips_are_treated_as_the_store_treats_them(tmp_path: Path) -> None:
    video = np.zeros((6, 32, 96, 3), np.uint8)
    video[:, :, 80:] = 255  # cut away by the centre crop, unless the frame becomes a square
    write_mp4(video, tmp_path / "a.mp4", frames_per_second=8)
    values = read_yaml(params.PARAMS)["frames"] | {"num_segments": 8, "short_side": 32}
    wide, square = (
        read_pixels(
            tmp_path / "a.mp4", frames=FramesConfig(**values | {"keep_aspect": keep}), size=32
        )
        for keep in (True, False)
    )
    assert wide.shape == square.shape == (8, 32, 32, 3)
    assert wide.max() < 128
    assert square.max() > 200
    strict = FramesConfig(**values | {"short_clips": "reject"})
    with pytest.raises(DataError, match="has 6 frames, a clip takes 8"):
        read_pixels(tmp_path / "a.mp4", frames=strict, size=32)
