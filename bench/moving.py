"""Clips to time readers with: a smooth drifting texture, and a square that moves across it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image

from spm.base.arrays import Frames

OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "23"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "b": "400k"},
}


@dataclass(frozen=True)
class Moving:
    """A clip."""

    name: str
    size: tuple[int, int]
    """(width, height)"""
    num_frames: int
    gop: int
    codec: str = "libx264"

    def write(self, folder: Path) -> Path:
        path = folder / self.name
        options = OPTIONS.get(self.codec, {})
        with av.open(str(path), "w") as container:
            stream = container.add_stream(self.codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = *self.size, "yuv420p"
            stream.codec_context.gop_size = self.gop
            stream.codec_context.thread_count = 1
            if self.codec == "mpeg4":
                stream.codec_context.max_b_frames = 2
            for picture in _pictures(self.num_frames, *self.size):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path


def _pictures(num_frames: int, width: int, height: int) -> Iterator[Frames]:
    rng, margin = np.random.default_rng(0), 64
    coarse = rng.integers(0, 256, (height // 8 + 16, width // 8 + 16, 3), dtype=np.uint8)
    size = (width + 2 * margin, height + 2 * margin)
    texture = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    for number in range(num_frames):
        left, top = (int(margin * (1 + f(number / 13))) for f in (np.sin, np.cos))
        picture = texture[top : top + height, left : left + width].copy()
        side = height // 4
        x = (number * width // 80) % (width - side)
        picture[side : 2 * side, x : x + side] = 255 - picture[side : 2 * side, x : x + side]
        yield picture
