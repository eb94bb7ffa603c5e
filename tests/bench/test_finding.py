"""Measures of segments by hand; the long videos show what they say; both sides encode as much."""

from pathlib import Path

import numpy as np
import pytest

from bench import finding, long_videos
from bench.detection import Place, quality
from bench.models import build
from spm.finding import search
from spm.finding.segments import Segment
from spm.motion.look import FRAMES_PER_SECOND


def segment(start: float, end: float, name: str, score: float) -> Segment:
    return Segment(start, end, name, 1.0, score)


PLACES = [Place(0, 10, "a"), Place(20, 30, "a"), Place(40, 50, "b")]


def test_what_is_found_as_it_is_has_all_points() -> None:
    found = [segment(*place, 1.0) for place in PLACES]
    assert quality(found, PLACES, seconds=60) == ((100, 100, 100), 100, 100, 0)


def test_nothing_found() -> None:
    precisions, frames, found, alarms = quality([], PLACES, seconds=60)
    assert precisions == (0, 0, 0)
    assert frames == 50
    assert (found, alarms) == (0, 0)


def test_average_precision_by_hand() -> None:
    """Class a: wrong, right, right: precision 1/2 and 2/3 at recalls 1/2 and 1; the higher one
    counts for both. Class b: none."""
    found = [
        segment(50, 60, "a", 3.0),
        segment(0, 10, "a", 2.0),
        segment(20, 30, "a", 1.0),
    ]
    precisions, _, share, alarms = quality(found, PLACES, seconds=60)
    assert precisions == pytest.approx([100 * (2 / 3 + 0) / 2] * 3)
    assert share == pytest.approx(200 / 3)
    assert alarms == 60


def test_a_place_is_found_once() -> None:
    found = [segment(0, 10, "a", 2.0), segment(0, 9, "a", 1.0)]
    (precision, *_), _, share, alarms = quality(found, PLACES[:1], seconds=10)
    assert (precision, share, alarms) == (100, 100, 360)


def test_a_segment_that_covers_a_third_fits_at_the_lowest_tiou_alone() -> None:
    precisions, *_ = quality([segment(0, 4, "a", 1.0)], PLACES[:1], seconds=10)
    assert precisions == (100, 0, 0)


def test_another_class_at_the_place_is_a_false_alarm() -> None:
    precisions, frames, share, alarms = quality([segment(0, 10, "b", 1.0)], PLACES[:1], seconds=10)
    assert (precisions, frames, share, alarms) == ((0, 0, 0), 0, 0, 360)


def test_a_long_video_shows_its_clips_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_videos, "CLIPS", 9)
    shown, others = ["moving_something_down"], ["moving_something_up"]
    rng = np.random.default_rng(0)
    video = long_videos.make(tmp_path / "long.mp4", rng, shown=shown, others=others)
    assert len(video.stretches) == 9
    assert len(video.places) == 3
    assert {(each.start, each.end) for each in video.places} < {*video.stretches}
    assert search.look_at(video.path).seconds == pytest.approx(video.stretches[-1][1], abs=0.1)
    lengths = [round((end - start) * FRAMES_PER_SECOND) for start, end in video.stretches]
    assert 24 <= min(lengths) <= max(lengths) <= 48


def test_both_sides_of_the_bench_encode_as_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "BACKGROUND", 6)  # spares seconds of fitting a threshold
    encoded: list[int] = []
    model = build(method="otam")
    encode = model.encode_video
    monkeypatch.setattr(
        model, "encode_video", lambda pixels: (encoded.append(pixels.shape[-4]), encode(pixels))[1]
    )
    line = finding.line("small", model, pictures=20, rounds=1)
    assert line.target == 0.9
    assert encoded == [20] * 4  # find, bare, and both once more: the first round warms up
