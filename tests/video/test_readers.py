"""All readers on all kinds of clips: the right frames, or a refusal, and never other frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.burnt import numbers
from bench.catalogue import CATALOGUE
from spm.base.errors import DataError
from spm.video.packets import open_packets
from spm.video.reading import read_frames

IN_SEQUENCE = {
    "h264-open-gop.mp4": "its keyframes need frames before them",
    "h264-intra-refresh.mp4": "its keyframes need frames before them",
    "h264.avi": "an avi stores no presentation times",
    "h264-pauses.avi": "an avi stores no presentation times",
    "h264-storing-order.mkv": "its presentation times are in the order of storing",
    "h264-cut-open-gop.mkv": "its first frames need others",
    "hevc-cut.mkv": "its first frames need others",
    "hevc-false-keyframe.mkv": "its keyframes need frames before them",
    "mpeg2-cut.mkv": "its first frames need others",
    "mpeg4-packed.avi": "some of its packets may have two pictures or none",
    "mpeg4-repeats.avi": "some of its packets may have two pictures or none",
}
"""Where `auto` does not seek, and why. All others are sought in, also open GOPs of HEVC."""
DECORD = {
    *("h264.mp4", "h264-no-b.mp4", "h264-gop250.mp4", "h264-vfr.mp4", "h264-10bit.mp4"),
    *("h264-odd-444.mkv", "h264-rotated.mp4", "h264-one-frame.mp4", "h264-three-frames.mp4"),
    *("h264-fragmented.mp4", "h264.mkv", "h264.flv", "hevc-closed.mp4", "mpeg4-no-b.avi"),
    *("mpeg4-dropped.avi", "msmpeg4v3.avi", "mjpeg.avi", "mjpeg.mov", "vp8.webm"),
    *("mjpeg-pauses.avi", "mjpeg-ends-still.avi", "raw-pauses.avi"),
    *("vp9-alt-ref.webm", "vp9-odd.webm"),
}
"""What may be left to decord."""
GOOD = [sample for sample in CATALOGUE if sample.numbers]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Sample -> its file, made when asked for."""
    folder, made = tmp_path_factory.mktemp("catalogue"), {}

    def clip(sample):
        if sample.name not in made:
            made[sample.name] = sample.make(folder / sample.name)
        return made[sample.name]

    return clip


def read(path, picks, *, reader):
    """The frames at `picks`, in the size that they have."""
    seen = []

    def pick(num_frames):
        seen.append(num_frames)
        return np.array(picks)

    size = 97 if "odd" in path.name else 96
    clip = read_frames(path, pick=pick, short_side=size, reader=reader)
    assert seen[-1] == clip.video_frames
    return clip


@pytest.mark.parametrize("sample", GOOD, ids=lambda sample: sample.name)
def test_any_frames_by_any_reader_that_takes_the_file(clips, sample):
    path, last = clips(sample), len(sample.numbers) - 1
    readers = ["auto", *(["decord"] if sample.name in DECORD else [])]

    @settings(max_examples=5, deadline=None, derandomize=True)
    @given(st.lists(st.integers(0, last), min_size=1, max_size=6))
    def check(picks):
        expected = read(path, picks, reader="pyav")
        assert numbers(expected.frames) == [sample.numbers[pick] for pick in picks]
        assert expected.video_frames == len(sample.numbers)
        for reader in readers:
            clip = read(path, picks, reader=reader)
            assert numbers(clip.frames) == numbers(expected.frames)
            assert clip.video_frames == expected.video_frames
            if reader == "auto":
                assert np.array_equal(clip.frames, expected.frames)

    check()


@pytest.mark.parametrize("sample", GOOD, ids=lambda sample: sample.name)
def test_where_auto_seeks(clips, sample):
    path = clips(sample)
    with open_packets(path) as video:
        assert IN_SEQUENCE.get(sample.name, "") in video.trap
        assert bool(video.trap) == (sample.name in IN_SEQUENCE)
    reader = read(path, [0, len(sample.numbers) - 1], reader="auto").reader
    falls_back = sample.name == "mpeg4-false-keyframe.mp4"
    assert falls_back or reader == ("pyav" if sample.name in IN_SEQUENCE else "pyav-seek")


@pytest.mark.parametrize("sample", GOOD, ids=lambda sample: sample.name)
def test_decord_is_not_given_what_it_misreads(clips, sample):
    if sample.name in DECORD:
        assert read(clips(sample), [0], reader="decord").reader == "decord"
    else:
        with pytest.raises(DataError, match=r"decord (would|counts) .*; set frames.reader"):
            read(clips(sample), [0], reader="decord")


@pytest.mark.parametrize("reader", ["auto", "pyav", "decord"])
@pytest.mark.parametrize(
    "name", ["h264-lost-samples.mp4", "h264-short-index.mp4", "mpeg4-over-declared.avi"]
)
def test_more_frames_declared_than_there_are(clips, name, reader):
    sample = next(sample for sample in CATALOGUE if sample.name == name)
    with pytest.raises(DataError, match=r"damaged: declares \d+ frames, \d+ could be found"):
        read(clips(sample), [0], reader=reader)
