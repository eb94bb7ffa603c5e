"""A long video at a fixed rate, as far as it can be read; what was lost is told."""

from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from bench.burnt import numbers, write_audio, write_clip
from bench.catalogue import CATALOGUE, Sample
from bench.remade import truncate
from spm.base.errors import DataError
from spm.video import long_video
from spm.video.long_video import Damage, LongVideo, open_long
from spm.video.reading import resize
from tests.machines import told

UNEVEN = {
    "h264-vfr.mp4": "24.7 frames a second on average",
    **dict.fromkeys(("vp8-alt-ref.webm",), "frames that were left out stay on show"),
    **dict.fromkeys(
        ("mpeg4-b-dropped.avi", "mpeg4-dropped.avi", "mpeg4-repeats.avi"), "a frame shown again"
    ),
    **dict.fromkeys(
        ("mpeg4-pauses.avi", "mjpeg-pauses.avi", "raw-pauses.avi", "vp9-alt-ref-apart.avi"),
        "pauses, which a clip leaves out",
    ),
}
"""Samples whose frames are not on show for the same time each, or whose clip leaves some out."""
LATE = ("h264.avi", "mpeg4-packed.avi", "h264-storing-order.mkv", "h264-pauses.avi")
"""Samples whose container does not say when frames are shown: they come a frame late."""


def shown(video: LongVideo, *, rate: float) -> list[int]:
    """The numbers in the pictures."""
    show = video.shower(partial(resize, short_side=96, keep_aspect=True))
    return numbers(np.stack([show(frame) for frame in video.pictures(rate=rate)]))


def read(path: Path, *, rate: float | None = None) -> tuple[list[int], list[Damage]]:
    with open_long(path) as video:
        return shown(video, rate=rate or video.facts.frames_per_second), video.damage


@pytest.mark.parametrize(
    "sample",
    [each for each in CATALOGUE if each.numbers and each.name not in (*UNEVEN, *LATE)],
    ids=lambda sample: sample.name,
)
def test_every_frame_of_every_kind_of_file(tmp_path: Path, sample: Sample) -> None:
    found, damage = read(sample.make(tmp_path / sample.name))
    assert found == list(sample.numbers)
    assert damage == []


@pytest.mark.parametrize(
    "sample",
    [each for each in CATALOGUE if each.name in (*UNEVEN, *LATE)],
    ids=lambda sample: sample.name,
)
def test_frames_that_stay_on_show_or_come_late_keep_their_order(
    tmp_path: Path, sample: Sample
) -> None:
    found, damage = read(sample.make(tmp_path / sample.name))
    assert found == sorted(found)
    assert found[-1] == sample.numbers[-1]
    if sample.name in LATE and sample.name != "h264-pauses.avi":
        assert all(abs(at - number) <= 1 for at, number in enumerate(found))
    assert damage == []


@pytest.mark.parametrize("rate", [20, 10, 5, 3, 40])
def test_a_picture_is_the_frame_in_the_middle_of_its_time(tmp_path: Path, rate: float) -> None:
    found, _ = read(write_clip(tmp_path / "clip.mp4"), rate=rate)
    assert len(found) == 2 * rate
    assert found == [int((number + 0.5) / rate * 20) for number in range(2 * rate)]


def test_a_frame_that_stays_on_show_is_the_same_object(tmp_path: Path) -> None:
    with open_long(write_clip(tmp_path / "clip.mp4")) as video:
        pictures = [*video.pictures(rate=40)]
    assert pictures[0] is pictures[1]
    assert pictures[1] is not pictures[2]


def test_one_frame_is_one_picture_at_the_lowest_rate(tmp_path: Path) -> None:
    assert read(write_clip(tmp_path / "one.mp4", num_frames=1), rate=0.5) == ([0], [])


def test_a_pause_shows_the_frame_before_it(tmp_path: Path) -> None:
    """Frame 3 for five seconds, as in a recording of a screen."""

    def when(number: int) -> int:
        return 50 * number + (5000 if number > 3 else 0)

    found, damage = read(write_clip(tmp_path / "pause.mp4", milliseconds=when), rate=20)
    assert found[:3] == [0, 1, 2]
    assert found[3:104] == [3] * 101
    assert found[104:140] == [*range(4, 40)]
    assert {*found[140:]} <= {39}
    assert damage == []


def overwrite(path: Path, *, at: float, count: int = 400) -> Path:
    """Other bytes in the middle of the file."""
    data = bytearray(path.read_bytes())
    begin = int(at * len(data))
    data[begin : begin + count] = np.random.default_rng(0).bytes(count)
    path.write_bytes(data)
    return path


def test_damage_in_the_middle_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", num_frames=200, options={"x264-params": "slices=1"})
    found, damage = read(overwrite(path, at=0.4))
    assert len(found) == 200
    assert found[:40] == [*range(40)]
    assert found[-40:] == [*range(160, 200)]
    assert damage
    assert all(2 < each.start < each.end < 8 for each in damage)


def test_a_file_that_ends_early_is_read_to_there(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "cut.mp4", num_frames=200, options=None)
    front = tmp_path / "front.mp4"
    with (
        av.open(str(path)) as source,
        av.open(str(front), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    found, damage = read(truncate(front, share=0.6))
    assert found == [*range(len(found))]
    assert 60 < len(found) < 180
    assert told("find, a long video that ends early").fullmatch(damage[-1].reason)
    assert damage[-1].end == pytest.approx(10)


@pytest.mark.parametrize("name", ["cut.mkv", "cut.webm"])
def test_a_file_whose_stream_has_no_length_and_that_ends_early(tmp_path: Path, name: str) -> None:
    """Its container has one."""
    codec = "libvpx" if name.endswith("webm") else "libx264"
    whole = write_clip(tmp_path / name, codec=codec, num_frames=400)
    with open_long(whole) as video:
        assert video.facts == (20, pytest.approx(20, abs=0.1))
        assert len([*video.pictures(rate=20)]) == 400
        assert not video.is_cut
    with open_long(truncate(whole, share=0.5)) as video:
        assert 0 < len([*video.pictures(rate=20)]) < 300
        assert video.is_cut
    assert told("find, a long video that ends early").fullmatch(video.damage[-1].reason)


def test_a_clock_that_is_set_anew_does_not_stop_the_video(tmp_path: Path) -> None:
    """Two transport streams, one behind the other."""
    one = write_clip(tmp_path / "one.ts", num_frames=60)
    two = write_clip(tmp_path / "two.ts", num_frames=60, first=60)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() + two.read_bytes())
    found, _ = read(joined, rate=20)
    assert found == sorted(found)
    assert len(found) == pytest.approx(120, abs=3)
    assert {*range(60, 120)} <= {*found}


def test_times_that_jump_by_days_are_not_waited_for(tmp_path: Path) -> None:
    def when(number: int) -> int:
        return 50 * number + (10**9 if number > 19 else 0)

    found, _ = read(write_clip(tmp_path / "jump.mkv", milliseconds=when), rate=20)
    assert found == [*range(40)]


@pytest.mark.parametrize("name", ["empty.mp4", "text.mp4", "song.m4a", "folder"])
def test_what_is_no_video_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif name == "song.m4a":
        write_audio(path)
    else:
        path.write_text("" if name == "empty.mp4" else "no video\n" * 100)
    with pytest.raises(DataError), open_long(path):
        pass


def test_facts(tmp_path: Path) -> None:
    with open_long(write_clip(tmp_path / "clip.mp4", num_frames=200)) as video:
        assert video.facts == (20, 10)


def test_a_file_that_does_not_say_its_rate_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a browser's webm, which says the thousandths of a second of its clock."""

    class Stream:
        average_rate, time_base, duration = Fraction(1000), Fraction(1, 1000), 2000

    path = write_clip(tmp_path / "clip.webm", codec="libvpx")
    assert long_video._facts(path, None, Stream(), is_live=True) == (pytest.approx(20), None)
    with open_long(write_clip(tmp_path / "fast.mp4", milliseconds=lambda number: number)) as video:
        assert video.facts.frames_per_second == 240


def test_anamorphic_and_turned_pictures_are_shown_as_the_file_says(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "wide.mp4", pixel_aspect=Fraction(2), matrix=(0, 1, -1, 0))
    with open_long(path) as video:
        show = video.shower(partial(resize, short_side=None, keep_aspect=True))
        height, width = show(next(video.pictures(rate=20))).shape[:2]
    assert (height, width) == (128, 48)
