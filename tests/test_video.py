"""Every reader returns the frames asked for, or says why it cannot."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from spm.container import _trap, examine
from spm.errors import DataError
from spm.sampling import segment_frames
from spm.video import read_frames, resize
from tests.burnt import cut, numbers, picture, rotate, truncate, write_audio, write_clip

FAST_START = {"movflags": "faststart"}
X265 = {"x265-params": "log-level=none"}


def middle_frames(num_video_frames):
    return segment_frames(num_video_frames, num_segments=8, samples_per_segment=1)[:, 0]


def read(path, *, reader="auto", short_side=96, pick=middle_frames, **options):
    return read_frames(path, pick=pick, reader=reader, short_side=short_side, **options)


@pytest.mark.parametrize(
    ("name", "codec", "options", "reader"),
    [
        ("h264.mp4", "libx264", {}, "decord"),
        ("h264.mov", "libx264", {}, "decord"),
        ("h264.mkv", "libx264", {}, "decord"),
        ("vp9.webm", "libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}, "decord"),
        ("closed.mp4", "libx265", {"x265-params": "log-level=none:open-gop=0"}, "decord"),
        ("mpeg4.avi", "mpeg4", {}, "pyav"),
        ("h264.avi", "libx264", {}, "pyav"),
        ("open.mp4", "libx265", X265, "pyav"),  # decord is wrong by up to four frames here
        ("open.mkv", "mpeg2video", {}, "pyav"),
    ],
)
def test_the_right_frames(tmp_path, name, codec, options, reader):
    path = write_clip(tmp_path / name, codec=codec, options=options)
    clip = read(path)
    assert numbers(clip.frames) == [2, 7, 12, 17, 22, 27, 32, 37]
    assert (clip.reader, clip.video_frames) == (reader, 40)
    assert clip.frames.shape == (8, 96, 128, 3)
    assert clip.frames.dtype == np.uint8


def test_both_readers_return_the_same_bytes(tmp_path):
    path = write_clip(tmp_path / "clip.mp4")
    decord, pyav = read(path, reader="decord"), read(path, reader="pyav")
    assert (decord.reader, pyav.reader) == ("decord", "pyav")
    assert (decord.frames == pyav.frames).all()


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_rotated_clip_is_turned_by_both_readers(tmp_path, quarter_turns):
    path = write_clip(tmp_path / "clip.mp4")
    straight = read(path, short_side=96).frames
    rotate(path, quarter_turns=quarter_turns)
    decord, pyav = (read(path, reader=reader) for reader in ("decord", "pyav"))
    assert (decord.frames == np.rot90(straight, -quarter_turns, axes=(1, 2))).all()
    assert (pyav.frames == decord.frames).all()


def test_an_edit_list_goes_to_the_reader_that_honours_it(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4")
    path = cut(whole, tmp_path / "cut.mp4", first_keyframe=1)
    shown = read(path, reader="pyav", pick=np.arange)
    clip = read(path)
    assert clip.reader == "pyav"
    assert "edit list" in examine(path).trap
    assert clip.video_frames == len(shown.frames) < 28
    assert numbers(shown.frames) == list(range(40 - clip.video_frames, 40))


def test_what_decord_refuses_goes_to_pyav(tmp_path, monkeypatch):
    import decord

    def refuse(*args, **kwargs):
        raise decord.DECORDError("cannot find video stream")

    path = write_clip(tmp_path / "clip.mp4")
    monkeypatch.setattr(decord, "VideoReader", refuse)
    assert read(path).reader == "pyav"
    with pytest.raises(DataError, match="cannot find video stream"):
        read(path, reader="decord")


def test_decord_alone_refuses_what_it_would_read_wrongly(tmp_path):
    path = write_clip(tmp_path / "clip.avi", codec="mpeg4")
    with pytest.raises(DataError, match="decord would return wrong frames: it is an avi"):
        read(path, reader="decord")


@pytest.mark.parametrize("num_frames", [1, 3])
@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
def test_a_short_clip_repeats_frames(tmp_path, num_frames, name, codec):
    clip = read(write_clip(tmp_path / name, codec=codec, num_frames=num_frames))
    assert numbers(clip.frames) == middle_frames(num_frames).tolist()


def test_frames_come_in_the_order_asked(tmp_path):
    path = write_clip(tmp_path / "clip.mp4")
    for reader in ("decord", "pyav"):
        clip = read(path, reader=reader, pick=lambda num: np.array([30, 2, 30]))
        assert numbers(clip.frames) == [30, 2, 30]


def test_odd_sizes(tmp_path):
    path = write_clip(tmp_path / "clip.mkv", size=(131, 97))
    for reader in ("decord", "pyav"):
        clip = read(path, reader=reader, short_side=97)
        assert clip.frames.shape == (8, 97, 131, 3)
        assert numbers(clip.frames) == [2, 7, 12, 17, 22, 27, 32, 37]


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


@pytest.mark.parametrize("reader", ["decord", "pyav"])
def test_squares_lose_the_aspect_and_nothing_at_the_sides(tmp_path, reader):
    path = write_clip(tmp_path / "clip.mp4")
    kept = read(path, reader=reader).frames
    square = read(path, reader=reader, keep_aspect=False).frames
    assert square.shape == (8, 96, 96, 3)
    wide = Image.fromarray(square[0]).resize((128, 96), Image.Resampling.BILINEAR)
    assert abs(np.asarray(wide).astype(int) - kept[0]).mean() < 4


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
        ("start.mp4", "libx264", FAST_START),
        ("fragmented.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
        ("clip.mov", "libx264", {}),
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
    import av

    with av.open(str(whole)) as source, av.open(str(path), "w", options=options) as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    return path


def test_truncated_where_the_container_gives_no_size(tmp_path):
    path = write_muxed(tmp_path / "clip.mp4", codec="libx264", options=FAST_START)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") - 4
    data[start : start + 4] = bytes(4)  # "up to the end of the file"
    path.write_bytes(data[: (start + len(data)) // 2])
    with pytest.raises(DataError, match="damaged: a packet of the video stream is incomplete"):
        read(path)


def packets(*rows):
    """One (pts, is_keyframe) each, in the order of the file."""
    fields = ("pts", "is_keyframe")
    return [
        SimpleNamespace(is_discard=False, **dict(zip(fields, row, strict=True))) for row in rows
    ]


@pytest.mark.parametrize(
    ("rows", "trap"),
    [
        ([(0, True), (2, False), (1, False), (3, True), (5, False), (4, False)], ""),
        ([(0, True), (2, False), (1, False), (5, True), (4, False)], "open GOP"),
        ([(0, False), (1, True)], "does not begin with a keyframe"),
        ([(0, True), (None, False)], "no presentation times"),
    ],
)
def test_where_decord_miscounts(rows, trap):
    assert trap in _trap(packets(*rows))
    assert bool(trap) == bool(_trap(packets(*rows)))


def test_fewer_frames_than_the_index_has(tmp_path, monkeypatch):
    """The file is whole, but its frames cannot be decoded to the end."""
    path = write_clip(tmp_path / "clip.avi", codec="mpeg4")
    monkeypatch.setattr("spm.video._decode", lambda *args, **kwargs: ([], 31))
    with pytest.raises(DataError, match="has 40 frames, 31 could be decoded"):
        read(path)


def test_a_placeholder_without_a_picture_is_no_damage(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "clip.avi", codec="mpeg4", num_frames=39)
    index = examine(path)
    monkeypatch.setattr("spm.video.examine", lambda path: type(index)(41, index.trap))
    clip = read(path)
    assert clip.video_frames == 39
    assert numbers(clip.frames) == middle_frames(39).tolist()


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_bytes_overwritten_in_the_middle(tmp_path, suffix):
    path = write_clip(tmp_path / f"clip{suffix}")
    data = bytearray(path.read_bytes())
    quarter = len(data) // 4
    data[quarter : 3 * quarter] = b"\xff" * (2 * quarter)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"damaged: declares 40|unreadable"):
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
from spm.errors import DataError
from spm.video import read_frames
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
