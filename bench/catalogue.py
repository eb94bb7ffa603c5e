"""A sample of each kind of clip in data sets, with the numbers that its frames show."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.burnt import BITS, write_clip
from bench.remade import (
    cut,
    declare_more,
    drop_b_frame,
    drop_first_gop,
    drop_frame,
    empty_last_samples,
    end_early,
    end_still,
    flag_keyframe,
    hide_every_tenth,
    in_storing_order,
    list_fewer,
    lose_chunk,
    lose_samples,
    pack_b_frames,
    pause,
    pipe,
    remux,
    repeat_frames,
    rotate,
    split_superframes,
)

VP8 = {"deadline": "realtime", "cpu-used": "8"}
VP9 = {
    "deadline": "realtime",
    "cpu-used": "6",
    "auto-alt-ref": "1",
    "lag-in-frames": "25",
    "b": "100k",
}
OPEN_X264 = {"x264-params": "open-gop=1:bframes=3:b-pyramid=normal:scenecut=0"}
X265 = "log-level=none"
MPEG4 = {"flags": "+bitexact"}
MJPEG = {"codec": "mjpeg", "b_frames": None, "pix_fmt": "yuvj420p"}
CLUSTER = bytes.fromhex("1f43b675")
"""The first bytes of each part (cluster) of a webm."""


@dataclass(frozen=True)
class Sample:
    """A kind of clip."""

    name: str
    """The file's name."""
    make: Callable[[Path], Path]
    """Writes the file at a path, and returns the path."""
    numbers: tuple[int, ...] = tuple(range(40))
    """The numbers that the frames show, in order of presentation; empty: readers must refuse it."""


def _remade(path: Path, *, change: Callable, **how) -> Path:
    options = how.pop("muxer", None)
    whole = write_clip(path.with_name(f"whole-{path.name}"), **how)
    remux(whole, path, change=change, options=options)
    whole.unlink()
    return path


def _same(packets: list) -> list:
    return packets


def _sample(name: str, *, numbers: range | tuple[int, ...] = range(40), **how) -> Sample:
    make = partial(_remade, **how) if "change" in how else partial(write_clip, **how)
    return Sample(name, lambda path: make(path), tuple(numbers))


def _then(sample: Sample, change: Callable, *, numbers=(), **how) -> Sample:
    return Sample(sample.name, lambda path: change(sample.make(path), **how), tuple(numbers))


def _cut(path: Path) -> Path:
    whole = write_clip(path.with_name(f"whole-{path.name}"))
    cut(whole, path, first_keyframe=1)
    whole.unlink()
    return path


def _uneven(number: int) -> int:
    """The time of frame `number` in milliseconds, at a variable rate: 5 to 90 between frames."""
    return 40 * number + number * number % 35


def _mirrored(number: int) -> int:
    """The number that the bars of `number` show upside down."""
    return int(f"{number:0{BITS}b}"[::-1], 2)


FRONT = {"movflags": "faststart"}

CATALOGUE = [
    _sample("h264.mp4"),
    _sample("h264-no-b.mp4", b_frames=0),
    _sample("h264-gop250.mp4", gop=250, num_frames=300, numbers=range(300)),
    _sample("h264-open-gop.mp4", options=OPEN_X264, b_frames=None),
    _sample("h264-intra-refresh.mp4", options={"x264-params": "intra-refresh=1"}, gop=20),
    _sample("h264-vfr.mp4", milliseconds=_uneven),
    _sample("h264-10bit.mp4", pix_fmt="yuv420p10le"),
    _sample("h264-odd-444.mkv", size=(131, 97), pix_fmt="yuv444p"),
    _then(_sample("h264-rotated.mp4"), rotate, quarter_turns=2, numbers=map(_mirrored, range(40))),
    _sample("h264-one-frame.mp4", num_frames=1, numbers=range(1)),
    _sample("h264-three-frames.mp4", num_frames=3, numbers=range(3)),
    Sample("h264-edit-list.mov", _cut, tuple(range(17, 40))),
    _then(_sample("h264-ends-early.mp4"), end_early, share=0.5, numbers=range(20)),
    _sample("h264-fragmented.mp4", change=_same, muxer={"movflags": "frag_keyframe+empty_moov"}),
    _then(
        _sample("h264-empty-samples.mp4"),
        empty_last_samples,
        num_frames=4,
        of=40,
        numbers=range(36),
    ),
    _sample("h264.mkv"),
    _then(_sample("h264-live.mkv"), pipe, stray=CLUSTER[:3], numbers=range(40)),
    _sample("h264.ts"),
    _sample("h264.flv"),
    _sample("h264.avi"),
    _sample("h264-pauses.avi", change=pause),
    _sample("h264-storing-order.mkv", change=in_storing_order),
    _sample(
        "h264-cut-open-gop.mkv",
        options=OPEN_X264,
        b_frames=None,
        change=drop_first_gop,
        numbers=range(12, 40),
    ),
    _then(_sample("h264-lost-samples.mp4", change=_same, muxer=FRONT), lose_samples, share=0.6),
    _then(_sample("h264-short-index.mp4"), list_fewer, num_frames=25),
    _sample("hevc-closed.mp4", codec="libx265", options={"x265-params": f"{X265}:open-gop=0"}),
    _sample("hevc-open.mp4", codec="libx265", options={"x265-params": X265}),
    _sample(
        "hevc-cut.mkv",
        codec="libx265",
        options={"x265-params": X265},
        change=drop_first_gop,
        numbers=range(12, 40),
    ),
    _sample(
        "hevc-false-keyframe.mkv",
        codec="libx265",
        options={"x265-params": X265},
        change=flag_keyframe,
    ),
    _sample(
        "hevc-10bit.mp4",
        codec="libx265",
        options={"x265-params": X265},
        pix_fmt="yuv420p10le",
    ),
    _sample("mpeg4.avi", codec="mpeg4"),
    _sample("mpeg4-4-b.avi", codec="mpeg4", b_frames=4, gop=60),
    _sample(
        "mpeg4-b-dropped.avi",
        codec="mpeg4",
        change=drop_b_frame,
        numbers=(*range(16), *range(17, 40)),
    ),
    _sample("mpeg4-no-b.avi", codec="mpeg4", b_frames=0),
    _sample("mpeg4-packed.avi", codec="mpeg4", b_frames=1, options=MPEG4, change=pack_b_frames),
    _sample("mpeg4-repeats.avi", codec="mpeg4", b_frames=0, change=repeat_frames),
    _sample("mpeg4-pauses.avi", codec="mpeg4", change=pause),
    _sample("mpeg4-odd.avi", codec="mpeg4", size=(131, 97)),
    _sample(
        "mpeg4-dropped.avi",
        codec="mpeg4",
        b_frames=0,
        change=drop_frame,
        numbers=(*range(37), 38, 39),
    ),
    _then(_sample("mpeg4-over-declared.avi", codec="mpeg4"), declare_more, num_frames=60),
    _then(_sample("mpeg4-lost-frame.avi", codec="mpeg4"), lose_chunk),
    _sample("mpeg4.mp4", codec="mpeg4"),
    _sample("mpeg4-false-keyframe.mp4", codec="mpeg4", change=flag_keyframe),
    _sample("msmpeg4v3.avi", codec="msmpeg4", b_frames=0),
    _sample("wmv2.wmv", codec="wmv2", b_frames=0),
    _sample("mpeg2.mpg", codec="mpeg2video", options={"b": "2M"}),
    _sample("mpeg2.mkv", codec="mpeg2video", options={"b": "2M"}),
    _sample(
        "mpeg2-cut.mkv",
        codec="mpeg2video",
        options={"b": "2M"},
        change=drop_first_gop,
        numbers=range(12, 40),
    ),
    _sample("mjpeg.avi", **MJPEG),
    _sample("mjpeg-pauses.avi", **MJPEG, change=pause),
    _then(_sample("mjpeg-ends-still.avi", **MJPEG), end_still, num_frames=4, numbers=range(40)),
    _then(_sample("mjpeg-live.avi", **MJPEG), pipe, numbers=range(40)),
    _sample("raw-pauses.avi", codec="rawvideo", pix_fmt="bgr24", b_frames=None, change=pause),
    _sample("mjpeg.mov", **MJPEG),
    _sample("vp8.webm", codec="libvpx", options=VP8),
    _sample(
        "vp8-alt-ref.webm",
        codec="libvpx",
        options=VP8,
        change=hide_every_tenth,
        numbers=tuple(number for number in range(40) if number % 10 != 5),
    ),
    _sample("vp9-alt-ref.webm", codec="libvpx-vp9", options=VP9),
    _sample("vp9-alt-ref-apart.avi", codec="libvpx-vp9", options=VP9, change=split_superframes),
    _then(
        _sample("vp9-live.webm", codec="libvpx-vp9", options=VP9),
        pipe,
        stray=CLUSTER[:1],
        numbers=range(40),
    ),
    _sample("vp9-odd.webm", codec="libvpx-vp9", options=VP8, size=(131, 97)),
]
