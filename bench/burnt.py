"""Test clips whose frames carry their number in the picture: nine bars, bright for a 1 bit."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

BITS = 9
BRIGHT, DARK = (250, 220, 150), (10, 30, 60)
NOISE = np.random.default_rng(0).integers(-15, 16, (64, 64), dtype=np.int16)


def picture(number: int, *, width: int, height: int) -> np.ndarray:
    """The picture of frame `number`, [H, W, 3] RGB. Its grain moves, so that codecs predict it."""
    bits = (number >> (np.arange(width) * BITS // width)) & 1
    bars = np.where(bits[:, None], BRIGHT, DARK)[None]
    tiles = (height // 64 + 1, width // 64 + 1)
    grain = np.tile(np.roll(NOISE, number, axis=1), tiles)[:height, :width, None]
    return np.clip(bars + grain, 0, 255).astype("u1")


def numbers(frames: np.ndarray) -> list[int]:
    """The numbers in the pictures [n, H, W, 3]."""
    width = frames.shape[2]
    centres = (2 * np.arange(BITS) + 1) * width // (2 * BITS)
    columns = np.stack([frames[:, :, centres + shift] for shift in (-1, 0, 1)])
    bits = columns.mean(axis=(0, 2, 4)) > 128
    return [int(row) for row in bits @ (1 << np.arange(BITS))]


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    num_frames: int = 40,
    size: tuple[int, int] = (128, 96),
    first: int = 0,
    options: dict[str, str] | None = None,
    audio: bool = False,
    gop: int = 12,
    b_frames: int | None = 2,
    pix_fmt: str = "yuv420p",
    milliseconds: Callable[[int], int] | None = None,
    pixel_aspect: Fraction | None = None,
    matrix: tuple[int, int, int, int] | None = None,
) -> Path:
    """A clip of width × height `size` whose frames show the numbers from `first` on.

    `gop`: frames between keyframes, with B-frames if the codec has them (None: the encoder's
    default). `milliseconds(k)`: when frame k begins; else 20 frames a second. `pixel_aspect`: shown
    width / height of a pixel. `matrix` (a, b, c, d): shows (x, y) at (a·x + c·y, b·x + d·y).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=20, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 1
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if matrix is not None:
            a, b, c, d = (value << 16 for value in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        if milliseconds is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if b_frames is not None and "vp" not in codec:
            stream.codec_context.max_b_frames = b_frames
        if audio:
            _write_silence(container, container.add_stream("aac", rate=44100))
        for number in range(num_frames):
            image = picture(first + number, width=size[0], height=size[1])
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if milliseconds is not None:
                frame.pts, frame.time_base = milliseconds(number), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_audio(path: Path, *, cover: bool = False) -> Path:
    """A sound file, without video, or with a `cover` picture, a video stream of one frame."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=44100)
        if cover:
            stream = container.add_stream("mjpeg", rate=1)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
            stream.disposition = Disposition.attached_pic
            image = picture(1, width=64, height=64)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        _write_silence(container, sound)
    return path


def _write_silence(container, stream) -> None:
    frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), "f4"), format="fltp", layout="stereo")
    frame.sample_rate = 44100
    container.mux(stream.encode(frame))
    container.mux(stream.encode())
