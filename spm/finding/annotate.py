"""A copy of a video with the time and what was found written under each picture, in H.264.

The copy has a constant rate, square pixels, upright pictures and no sound.
"""

from fractions import Fraction
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from spm.base.arrays import Frames
from spm.base.atomic import atomic_path
from spm.base.clock import clock
from spm.base.errors import DataError, TransientError
from spm.base.printable import printable
from spm.base.progress import progress_bar
from spm.finding.find import Found
from spm.finding.search import LIMITS
from spm.finding.segments import Segment
from spm.isolation.isolated_long import IsolatedLong, Look

_X264 = {"preset": "veryfast", "crf": "23"}
_BYTES_OF_A_PART = 1 << 26
_LEAST_SIDE = 240
"""Pixels; smaller pictures are enlarged, so that the words can be read."""
_STRIP = 0.09
"""Height of the strip with the words, as a share of the picture's; at least `_LEAST_STRIP`."""
_LEAST_STRIP = 24


def annotate(found: Found, path: Path) -> None:
    """Writes the copy; complete or not at all. What comes after a crash of the decoder is left out.

    Raises as spm.finding.search.search, StorageError for a full disk.
    """
    import av

    look = Look(None, None, keep_aspect=True)
    with (
        IsolatedLong(found.video, look, limits=LIMITS) as long,
        atomic_path(path) as temporary,
        av.open(str(temporary), "w", format="mp4") as container,
        progress_bar(desc="annotate", unit=" pictures") as bar,
    ):
        rate = Fraction(long.facts().frames_per_second).limit_denominator(1001)
        bar.total = total = ceil(found.searched.seconds * rate)
        stream: Any = None
        number, ended = 0, False
        while not ended and number < total:
            try:
                part = long.take(min(_count(stream), total - number))
            except DataError as error:
                if stream is None or isinstance(error, TransientError):
                    raise
                break  # where the search ended too
            for picture in part.frames:
                time = (number + 0.5) / float(rate)
                drawn = _drawn(picture, time, found.segments)
                if stream is None:
                    stream = _new_stream(container, drawn, rate=rate)
                frame = av.VideoFrame.from_ndarray(_fitted(drawn, stream), format="rgb24")
                container.mux(stream.encode(frame))
                number += 1
            bar.update(part.passed)
            ended = part.ended
        container.mux(stream.encode(None))


def _count(stream: Any) -> int:
    """Pictures of the next part: one until their size is known."""
    return 1 if stream is None else max(1, _BYTES_OF_A_PART // (3 * stream.width * stream.height))


def _new_stream(container: Any, picture: Frames, *, rate: Fraction) -> Any:
    stream = container.add_stream("libx264", rate=rate, options=_X264)
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    return stream


def _fitted(picture: Frames, stream: Any) -> Frames:
    """A picture of another size than the first is scaled to that."""
    from PIL import Image

    if picture.shape[:2] == (stream.height, stream.width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((stream.width, stream.height)))


def _drawn(picture: Frames, time: float, segments: list[Segment]) -> Frames:
    """The picture [H, W, 3] with a strip under it; even sides, as H.264 takes them."""
    times = ceil(_LEAST_SIDE / min(picture.shape[:2]))
    if times > 1:
        picture = picture.repeat(times, axis=0).repeat(times, axis=1)
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    strip = max(_LEAST_STRIP, round(_STRIP * height)) // 2 * 2
    text = f"{clock(int(time))}  {_words(time, segments)}".strip()
    return np.concatenate([picture[:height, :width], _strip(text, width=width, height=strip)])


def _words(time: float, segments: list[Segment]) -> str:
    """The segment at that time with the highest score; "" if there is none."""
    shown = max(
        (each for each in segments if each.start <= time < each.end),
        key=lambda each: each.score,
        default=None,
    )
    return "" if shown is None else f"{printable(shown.name)}  {100 * shown.probability:.0f} %"


@lru_cache(maxsize=8)
def _strip(text: str, *, width: int, height: int) -> Frames:
    """White on black, as large as it fits: [height, width, 3]"""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, height), "black")
    draw = ImageDraw.Draw(image)
    size = 0.6 * height
    while size > 6 and draw.textlength(text, font=_font(size)) > 0.96 * width:
        size *= 0.9
    draw.text((0.02 * width, height / 2), text, fill="white", font=_font(size), anchor="lm")
    return np.asarray(image)


@lru_cache(maxsize=64)
def _font(size: float) -> Any:
    """DejaVu Sans, which matplotlib brings along: it has Latin, Greek, Cyrillic, Arabic and more,
    and a box for each letter of Chinese, Japanese, Korean and the Indic scripts."""
    from matplotlib.font_manager import findfont
    from PIL import ImageFont

    return ImageFont.truetype(findfont("DejaVu Sans"), size)
