"""Every reader returns the frames asked for, or says why it cannot."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.burnt import numbers, picture, write_audio, write_clip
from bench.remade import remux, rotate, truncate
from spm.base.errors import DataError
from spm.video.reading import read_frames, resize
from spm.video.sampling import segment_frames

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}


def middle_frames(num_video_frames):
    return segment_frames(num_video_frames, num_segments=8, samples_per_segment=1)[:, 0]


def read(path, *, reader="auto", short_side=96, pick=middle_frames, **options):
    return read_frames(path, pick=pick, reader=reader, short_side=short_side, **options)


@pytest.mark.parametrize("reader", ["auto", "pyav", "decord"])
@pytest.mark.parametrize(("name", "codec"), [("clip.m4v", "libx264"), ("clip.3gp", "libx264")])
def test_other_names_of_mp4_are_read_alike(tmp_path, name, codec, reader):
    clip = read(write_clip(tmp_path / name, codec=codec), reader=reader)
    assert numbers(clip.frames) == middle_frames(40).tolist()


@pytest.mark.parametrize("reader", ["pyav", "decord"])
def test_readers_return_the_same_bytes(tmp_path, reader):
    path = write_clip(tmp_path / "clip.mp4")
    clip, other = read(path), read(path, reader=reader)
    assert (clip.reader, other.reader) == ("pyav-seek", reader)
    assert (clip.frames == other.frames).all()
    assert clip.frames.shape == (8, 96, 128, 3)
    assert clip.frames.dtype == np.uint8


@pytest.mark.parametrize("reader", ["auto", "pyav", "decord"])
@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_rotated_clip_is_turned(tmp_path, quarter_turns, reader):
    path = write_clip(tmp_path / "clip.mp4")
    straight = read(path, short_side=96).frames
    rotate(path, quarter_turns=quarter_turns)
    turned = read(path, reader=reader).frames
    assert (turned == np.rot90(straight, -quarter_turns, axes=(1, 2))).all()


@pytest.mark.parametrize("num_frames", [1, 3])
@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
def test_a_short_clip_repeats_frames(tmp_path, num_frames, name, codec):
    clip = read(write_clip(tmp_path / name, codec=codec, num_frames=num_frames))
    assert numbers(clip.frames) == middle_frames(num_frames).tolist()


def test_frames_come_in_the_order_asked(tmp_path):
    path = write_clip(tmp_path / "clip.mp4")
    for reader in ("auto", "pyav", "decord"):
        clip = read(path, reader=reader, pick=lambda num: np.array([30, 2, 30]))
        assert numbers(clip.frames) == [30, 2, 30]


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [
        ((240, 320), 256, (256, 341)),
        ((1080, 1920), 256, (256, 455)),
        ((320, 240), 64, (85, 64)),
        ((256, 300), 256, (256, 300)),
    ],
)
def test_resize_keeps_the_aspect_ratio(size, short_side, expected):
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    resized = resize(frame, short_side=short_side, keep_aspect=True)
    assert resized.shape == (*expected, 3)
    assert abs(resized.mean() - frame.mean()) < 1
    square = resize(frame, short_side=short_side, keep_aspect=False)
    assert square.shape == (short_side, short_side, 3)
    assert abs(square.mean() - frame.mean()) < 1


@pytest.mark.parametrize("reader", ["auto", "decord"])
def test_squares_lose_the_aspect_and_nothing_at_the_sides(tmp_path, reader):
    path = write_clip(tmp_path / "clip.mp4")
    kept = read(path, reader=reader).frames
    square = read(path, reader=reader, keep_aspect=False).frames
    assert square.shape == (8, 96, 96, 3)
    wide = Image.fromarray(square[0]).resize((128, 96), Image.Resampling.BILINEAR)
    assert abs(np.asarray(wide).astype(int) - kept[0]).mean() < 8


@pytest.mark.parametrize("reader", ["auto", "decord", "pyav"])
def test_a_clip_shorter_than_t_is_rejected_on_request(tmp_path, reader):
    def pick(num_video_frames):
        return segment_frames(
            num_video_frames, num_segments=41, samples_per_segment=1, short_clips="reject"
        )[:, 0]

    with pytest.raises(DataError, match=r"^short: has 40 frames, a clip takes 41$"):
        read(write_clip(tmp_path / "clip.mp4"), reader=reader, pick=pick)


def test_resize_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    resized = resize(stripes, short_side=16, keep_aspect=True)
    assert (abs(resized.astype(int) - 127) < 40).all()  # without antialiasing: all 0 or all 255


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("end.mp4", "libx264", {}),
        ("start.mp4", "libx264", {"movflags": "faststart"}),
        ("fragmented.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
        ("clip.mov", "libx264", {}),
        ("clip.m4v", "libx264", {}),
        ("clip.3gp", "mpeg4", {}),
        ("clip.mkv", "libx264", {}),
        ("clip.webm", "libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}),
        ("clip.avi", "mpeg4", {}),
    ],
)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_files_are_rejected(tmp_path, name, codec, options, share):
    path = truncate(write_muxed(tmp_path / name, codec=codec, options=options), share=share)
    for reader in ("auto", "decord", "pyav"):
        with pytest.raises(DataError, match=r"truncated|unreadable"):
            read(path, reader=reader)


def write_muxed(path, *, codec, options):
    """As write_clip; `movflags` are the muxer's."""
    whole = write_clip(path.with_name(f"whole{path.suffix}"), codec=codec, options=options)
    if "movflags" not in options:
        return whole.rename(path)
    return remux(whole, path, options=options)


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_bytes_overwritten_in_the_middle(tmp_path, suffix):
    path = write_clip(tmp_path / f"clip{suffix}")
    data = bytearray(path.read_bytes())
    quarter = len(data) // 4
    data[quarter : 3 * quarter] = b"\xff" * (2 * quarter)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"damaged|unreadable"):
        read(path)


def test_files_that_are_no_video(tmp_path):
    empty, text, image = (tmp_path / name for name in ("empty.mp4", "text.mp4", "image.mp4"))
    empty.touch()
    text.write_text("not a video\n" * 1000)
    Image.fromarray(picture(1, width=64, height=64)).save(image, format="png")
    audio, song = write_audio(tmp_path / "a.mp4"), write_audio(tmp_path / "b.mp4", cover=True)
    reasons = {
        empty: "the file is empty",
        text: "unreadable: Invalid data found",
        image: "an image, not a video",
        audio: "no video stream",
        song: "no video stream",
    }
    for path, reason in reasons.items():
        with pytest.raises(DataError, match=reason):
            read(path)


def test_an_audio_track_is_no_hindrance(tmp_path):
    assert read(write_clip(tmp_path / "clip.mp4", audio=True)).video_frames == 40


def test_a_missing_file_is_an_error_of_the_machine(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.mp4")


def test_importing_the_reader_is_cheap_and_reading_is_quiet(tmp_path):
    path = truncate(write_clip(tmp_path / "clip.avi", codec="mpeg4"), share=0.5)
    good = write_clip(tmp_path / "good.mp4")
    code = f"""
import sys
from pathlib import Path
from pathlib import Path
from spm.base.errors import DataError
from spm.video.reading import read_frames
print([name for name in ("decord", "av", "torch", "PIL") if name in sys.modules])
for path in {[str(path), str(good)]}:
    try:
        read_frames(Path(path), pick=lambda num: __import__("numpy").arange(3), short_side=32)
    except DataError:
        print("rejected")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == "[]\nrejected\n"
    assert done.stderr == ""


@pytest.mark.parametrize("reader", ["auto", "decord"])
@pytest.mark.parametrize(
    "name", ["00:12.mp4", "http:a.mp4", "-kYz.mp4", "[a]*%03d?.mp4", "a\nb.mp4"]
)
def test_names_that_a_library_could_take_for_something_else(tmp_path, monkeypatch, name, reader):
    """FFmpeg takes what stands before a colon for a protocol."""
    write_clip(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert read(Path(name), reader=reader).video_frames == 40


def test_a_name_that_is_not_utf8(tmp_path):
    path = write_clip(tmp_path / "a.mp4").rename(tmp_path / os.fsdecode(b"\xff.mp4"))
    assert read(path).video_frames == 40
    with pytest.raises(DataError, match=r"decord: .*surrogates not allowed"):
        read(path, reader="decord")


@pytest.mark.parametrize("reader", ["auto", "decord"])
def test_a_title_in_another_encoding(tmp_path, reader):
    path = write_clip(tmp_path / "clip.mp4")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"VideoHandler", "Größe, Länge".encode("latin-1")))
    assert path.read_bytes() != data
    assert read(path, reader=reader).video_frames == 40


def test_a_fragment_that_is_none_any_more(tmp_path):
    """What follows it would be lost without an error."""
    path = write_muxed(tmp_path / "clip.mp4", codec="libx264", options=FRAGMENTED)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"moof", b"mo?f").replace(b"mo?f", b"moof", 1))
    for reader in ("auto", "decord"):
        with pytest.raises(DataError, match="damaged: not a box of an mp4 at byte"):
            read(path, reader=reader)


def test_a_kind_of_video_that_nobody_knows(tmp_path):
    path = write_clip(tmp_path / "clip.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"qqqq").replace(b"avcC", b"qqqC"))
    with pytest.raises(DataError, match="unreadable: no decoder for its kind of video"):
        read(path)
