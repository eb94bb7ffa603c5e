"""Pictures are read as their files say that they are to be shown, by every reader or by none."""

from fractions import Fraction

import numpy as np
import pytest

from bench.burnt import numbers, write_clip
from bench.catalogue import MJPEG
from bench.remade import crop_mp4, describe_video
from spm.base.errors import DataError
from spm.video.reading import read_frames, resize
from spm.video.shown import Crop
from tests.machines import told

READERS = ["auto", "pyav", "decord"]
TURNS = {
    (1, 0, 0, 1): lambda frame: frame,
    (0, 1, -1, 0): lambda frame: np.rot90(frame, -1),
    (-1, 0, 0, -1): lambda frame: np.rot90(frame, 2),
    (0, -1, 1, 0): np.rot90,
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (0, 1, 1, 0): lambda frame: frame.swapaxes(0, 1),
    (0, -1, -1, 0): lambda frame: np.rot90(frame, 2).swapaxes(0, 1),
}
MIRRORED = list(TURNS)[4:]


def read(path, *, reader="auto", short_side=96, picks=(5, 30), keep_aspect=True):
    return read_frames(
        path,
        pick=lambda num: np.array(picks),
        short_side=short_side,
        keep_aspect=keep_aspect,
        reader=reader,
    ).frames


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("aspect", "width"), [("4/3", 171), ("16/15", 137), ("8/9", 114), ("1", 128)]
)
def test_pixels_that_are_not_square(tmp_path, aspect, width, reader):
    """128×96 stored; the shorter side stays what it is."""
    path = write_clip(tmp_path / "clip.mp4", pixel_aspect=Fraction(aspect))
    frames = read(path, reader=reader)
    assert frames.shape == (2, 96, width, 3)
    assert numbers(frames) == [5, 30]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mkv", {}),
        ("a.mov", {}),
        ("a.avi", {"codec": "mpeg4"}),
        ("b.avi", MJPEG),
        ("a.mkv", {"codec": "mpeg2video", "options": {"b": "2M"}}),
    ],
)
def test_every_container_s_way_to_say_so(tmp_path, name, how):
    path = write_clip(tmp_path / name, pixel_aspect=Fraction(4, 3), **how)
    assert read(path).shape == (2, 96, 171, 3)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mkv", {}),
        ("b.mkv", {"codec": "libvpx", "options": {"deadline": "realtime", "cpu-used": "8"}}),
    ],
)
@pytest.mark.parametrize("reader", READERS)
def test_matroska_says_how_large(tmp_path, name, how, reader):
    path = write_clip(tmp_path / name, **how)
    describe_video(path, display_width=200, display_height=100)
    assert read(path, reader=reader).shape == (2, 96, 192, 3)


def test_the_size_that_matroska_gives_is_of_the_cropped_picture(tmp_path):
    path = write_clip(tmp_path / "clip.mkv")
    describe_video(path, left=28, bottom=16, display_width=200, display_height=80)
    assert read(path, short_side=80).shape == (2, 80, 200, 3)


def test_high_pixels_make_the_width_the_shorter_side(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", pixel_aspect=Fraction(1, 2))
    assert read(path, short_side=64).shape == (2, 96, 64, 3)
    assert read(path, short_side=64, keep_aspect=False).shape == (2, 64, 64, 3)


def test_the_picture_is_stretched_once():
    """From the stored size to the one that is asked for, by the same filter as any other."""
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    stretched = resize(frame, short_side=24, keep_aspect=True, pixel_aspect=2)
    assert stretched.shape == (24, 64, 3)
    rows = resize(frame[:, :1], short_side=24, keep_aspect=False)[:, :1]
    assert abs(stretched[:, 0].astype(int) - rows[:, 0]).max() <= 1


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("matrix", TURNS)
def test_turned_and_mirrored(tmp_path, matrix, reader):
    straight = read(write_clip(tmp_path / "straight.mp4"))
    path = write_clip(tmp_path / "clip.mp4", matrix=matrix)
    if reader == "decord" and matrix in MIRRORED:
        with pytest.raises(DataError, match=told("decord, a mirrored picture").pattern):
            read(path, reader=reader)
        return
    frames = read(path, reader=reader)
    assert np.array_equal(frames, np.stack([TURNS[matrix](frame) for frame in straight]))


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mov"])
@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (-1, 0, 0, 1)])
def test_other_containers_turn_and_mirror_too(tmp_path, matrix, name):
    straight = read(write_clip(tmp_path / f"straight-{name}"))
    turned = read(write_clip(tmp_path / name, matrix=matrix))
    assert np.array_equal(turned, np.stack([TURNS[matrix](frame) for frame in straight]))


@pytest.mark.parametrize("reader", READERS)
def test_pixels_are_stretched_before_the_picture_is_turned(tmp_path, reader):
    path = write_clip(tmp_path / "clip.mp4", pixel_aspect=Fraction(4, 3), matrix=(0, 1, -1, 0))
    assert read(path, reader=reader).shape == (2, 171, 96, 3)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_what_the_container_crops(tmp_path, name, reader):
    straight = read(write_clip(tmp_path / f"straight-{name}"))
    path = write_clip(tmp_path / name)
    if name == "clip.mp4":
        crop_mp4(path, width=100, height=80, right=6, down=-2)
        kept = straight[:, 6:86, 20:120]
    else:
        describe_video(path, left=28, bottom=16)
        kept = straight[:, :80, 28:]
    if reader == "decord":
        with pytest.raises(DataError, match=told("decord, a cropped picture").pattern):
            read(path, reader=reader)
        return
    assert np.array_equal(read(path, reader=reader, short_side=80), kept)


def test_cropped_then_stretched_then_turned(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", pixel_aspect=Fraction(2), matrix=(0, 1, -1, 0))
    crop_mp4(path, width=100, height=80, right=0, down=0)
    assert read(path, short_side=80).shape == (2, 200, 80, 3)


def test_what_cannot_be_shown_is_damaged(tmp_path):
    path = write_clip(tmp_path / "thin.mkv")
    describe_video(path, display_width=1, display_height=150)
    with pytest.raises(DataError, match=told("pixels of no possible shape").pattern):
        read(path)
    path = crop_mp4(write_clip(tmp_path / "clip.mp4"), width=300, height=80, right=0, down=0)
    with pytest.raises(DataError, match="damaged: crops a picture of 128×96"):
        read(path)
    with pytest.raises(DataError, match="damaged: crops"):
        Crop(left=-3).of(np.zeros((4, 4, 3), np.uint8))


def test_a_clean_aperture_that_is_none(tmp_path):
    """A denominator of 0 says nothing."""
    path = crop_mp4(write_clip(tmp_path / "clip.mp4"), width=100, height=80, right=0, down=0)
    data = bytearray(path.read_bytes())
    data[data.index(b"clap") + 8 : data.index(b"clap") + 12] = bytes(4)
    path.write_bytes(data)
    assert read(path).shape == (2, 96, 128, 3)
