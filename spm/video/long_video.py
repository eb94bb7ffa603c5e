"""A long video at a fixed rate: its pictures one after the other, in memory that does not grow.

    with open_long(path) as video:
        for picture in video.pictures(rate=8): …       picture k is on show at (k + 1/2) / rate

Frames are placed by their times, counted from the first one. A frame that cannot be decoded is left
out, the one before stays on show, and `damage` says when. An mp4 that lost its index cannot be
opened; any other file is read as far as it goes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spm.base.arrays import Frames
from spm.base.errors import DataError
from spm.video.clip import Resize
from spm.video.container import crop_of, is_live, open_video
from spm.video.pyav_reader import shower
from spm.video.shown import pixel_aspect_of

_LONGEST_PAUSE = 3600
"""Seconds that one frame may be on show. Where times jump by more, the clock was set anew."""
_FASTEST, _USUAL = 240.0, 25.0
"""Frames a second that are believed at most, and that are assumed where packets have no times."""
_COUNTED = 100
"""Packets by which the rate is measured where the file does not say it."""
_ROUNDING = 1e-6
"""Seconds before its time that a frame is on show already."""
_SHORT_OF, _SHORT_OF_ALL = 1.0, 5.0
"""Seconds that a complete file may lack of its declared length; where the container declares that
of all streams together, of which the sound may be longer."""
_DISORDER = 1.0
"""Seconds that times may go back where a container stores them in another order than the frames'.
By more: the clock was set anew, as where two recordings were joined."""


class Damage(NamedTuple):
    """A stretch of the video that was lost, in seconds from its first frame."""

    start: float
    end: float
    reason: str


class Facts(NamedTuple):
    """What the file says of its video."""

    frames_per_second: float
    seconds: float | None
    """None: a live recording, say, does not declare its length."""


@dataclass
class LongVideo:
    """An open video."""

    path: Path
    facts: Facts
    damage: list[Damage] = field(default_factory=list)
    """What was lost of the part that was read."""
    is_cut: bool = False
    """Whether it was read to a place where something is missing behind."""
    _container: Any = None
    _stream: Any = None

    def pictures(self, *, rate: float) -> Iterator[Any]:
        """The frame on show at (k + 1/2) / rate seconds, for k = 0, 1, … to the video's end.

        At least one; a frame that stays on show is the same object again. Raises DataError if no
        frame can be decoded.
        """
        step, last, end, number = 1 / self.facts.frames_per_second, None, 0.0, 0
        for time, frame in self._frames():
            while last is not None and (number + 0.5) / rate < time - _ROUNDING:
                yield last
                number += 1
            last, end = frame, time + step
        if last is None:
            raise DataError("damaged: no frame could be decoded")
        while (number + 0.5) / rate < end or not number:
            yield last
            number += 1
        self._compare_length(end)

    def shower(self, resize: Resize) -> Callable[[Any], Frames]:
        """A function: frame -> RGB [H, W, 3], as the file says it is shown, and resized."""
        track = list(self._container.streams.video).index(self._stream)
        return shower(
            crop=crop_of(self.path, track=track),
            pixel_aspect=pixel_aspect_of(self._stream),
            resize=resize,
        )

    def _frames(self) -> Iterator[tuple[float, Any]]:
        """Each frame with its time, ascending. One whose time is not after the last one's comes one
        step later: an avi, say, gives B-frames the times of other frames."""
        unit, step = float(self._stream.time_base or 0), 1 / self.facts.frames_per_second
        last: float | None = None
        offset = 0.0
        lost = ""
        for frame in self._decoded():
            if isinstance(frame, str):
                lost = lost or frame
                continue
            expected = 0.0 if last is None else last + step
            time = expected if frame.pts is None else frame.pts * unit + offset
            if last is None or not last - _DISORDER < time <= last + _LONGEST_PAUSE:
                offset += expected - time
                time = expected
            elif time <= last:
                time = expected
            if lost:
                self.damage.append(Damage(0.0 if last is None else last, time, lost))
                lost = ""
            last = time
            yield time, frame
        if lost and last is not None:
            self.damage.append(Damage(last, last + step, lost))

    def _decoded(self) -> Iterator[Any]:
        """Decoded frames; in the place of one that cannot be decoded, the reason."""
        import av

        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                self.is_cut = True
                yield f"damaged: cannot be read on ({error.strerror})"
                return
            try:
                frames = self._stream.codec_context.decode(packet if packet.size else None)
            except av.error.FFmpegError as error:
                yield f"damaged: cannot be decoded ({error.strerror})"
                continue
            for frame in frames:
                yield "damaged: the decoder made up a part" if frame.is_corrupt else frame

    def _compare_length(self, end: float) -> None:
        """Notes a video that ends before its declared length."""
        declared = self.facts.seconds
        slack = _SHORT_OF if self._stream.duration else _SHORT_OF_ALL
        if declared is not None and end < declared - slack:
            self.is_cut = True
            self.damage.append(Damage(end, declared, "the file ends before its declared length"))


@contextmanager
def open_long(path: Path) -> Iterator[LongVideo]:
    """The video of `path`. Raises DataError with the reason for a file that is no video."""
    if path.is_dir():
        raise DataError("a folder: give a video file")
    if not path.stat().st_size:
        raise DataError("the file is empty")
    with open_video(path) as (container, stream):
        stream.thread_count, stream.thread_type = 0, "AUTO"
        facts = _facts(path, container, stream, is_live=is_live(path))
        yield LongVideo(path, facts, _container=container, _stream=stream)


def _facts(path: Path, container: Any, stream: Any, *, is_live: bool) -> Facts:
    rate = float(stream.average_rate or 0)
    if not 0 < rate <= _FASTEST:  # a browser's webm says none, or the thousandths of its clock
        rate = _measured_rate(path)
    seconds: float | None = None
    if stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration:
        seconds = container.duration / 1e6
    return Facts(rate, None if is_live else seconds)


def _measured_rate(path: Path) -> float:
    """Frames a second, by the median time between the first frames."""
    with open_video(path) as (container, stream):
        packets = islice(container.demux(stream), _COUNTED)
        times = sorted({packet.pts for packet in packets if packet.pts is not None})
        unit = float(stream.time_base or 0)
    if len(times) < 2 or not unit:
        return _USUAL
    return min(_FASTEST, 1 / (float(np.median(np.diff(times))) * unit))
