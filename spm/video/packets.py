"""The packets of a video: which frames it has, and in what order, before any frame is decoded.

Packets lie in the order of decoding, and each says when its frame is presented (pts):

    stored   I0  P3  B1  B2  I6  B4  B5  P9       keyframes I0, I6
    starts    0   0   0   0   4   0   0   4       packet to decode from: B4, B5 need more than I6

A reader that wants frame 5 decodes from packet 0, and recognises the frame by its pts. Where the
packets do not tell enough (`Video.trap`), only decoding all frames in sequence is right.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spm.base.errors import DataError
from spm.video import nal_units
from spm.video.container import check_whole, crop_of, is_live, open_video
from spm.video.packet_checks import TOLERANCE, check_complete, check_undamaged
from spm.video.shown import UNCROPPED, Crop, pixel_aspect_of

_VOP = b"\0\0\1\xb6"
"""MPEG-4's start code of a picture."""
_PLACEHOLDER = 20
"""MPEG-4 packets shorter than this (bytes) stand for a frame that was dropped, or that DivX packed
into another packet: such packets may have no picture."""


@dataclass(frozen=True)
class Video:
    """An open video."""

    codec: Any
    """PyAV's decoder. Only one reader at a time may use it."""
    container: str
    """FFmpeg's name of the format."""
    packets: list[Any]
    """Packets in the order of storage."""
    is_live: bool = False
    """Whether the file's size was never written: a live recording."""
    crop: Crop = UNCROPPED
    pixel_aspect: float = 1
    """Width to height of a stored pixel."""

    @cached_property
    def shown(self) -> list[Any]:
        """The packets whose frames are shown, in the order of storage."""
        return [packet for packet in self.packets if _is_shown(packet, codec=self.codec.name)]

    @cached_property
    def presentation(self) -> list[int]:
        """The pts of all shown frames, in order: frame k is the one with presentation[k]."""
        return sorted(packet.pts for packet in self.shown)

    @property
    def num_frames(self) -> int:
        """The expected number of frames."""
        return len(self.shown)

    @property
    def seconds(self) -> float | None:
        """How long the frames are on show, the last one as long as the mean of the others; None for
        packets without times, and for one frame."""
        times = {packet.pts for packet in self.shown}
        if None in times or len(times) < 2:
            return None
        mean = (max(times) - min(times)) / (len(times) - 1)
        return float(len(times) * mean * self.packets[0].time_base)

    @property
    def may_lack(self) -> int:
        """How many frames fewer than `num_frames` a complete file may give."""
        cut_off = sum(start < 0 for start in self.starts) if self.packets[0].is_keyframe else 0
        return TOLERANCE + self._num_placeholders + cut_off

    @property
    def _num_placeholders(self) -> int:
        small = sum(packet.size < _PLACEHOLDER for packet in self.packets)
        return small if self.codec.name == "mpeg4" else 0

    def _holds_one_picture(self, packet: Any) -> bool:
        return self.codec.name != "mpeg4" or bytes(packet).count(_VOP) == 1

    @cached_property
    def starts(self) -> list[int]:
        """For each packet the number of the keyframe's packet to decode from; -1 if the file lacks
        it."""
        starts, last, previous = [], -1, -1
        for number, packet in enumerate(self.packets):
            if packet.is_keyframe:
                last, previous = number, last
            leading = last >= 0 and (packet.pts or 0) < (self.packets[last].pts or 0)
            starts.append(previous if leading else last)
        return starts

    @property
    def has_open_gops(self) -> bool:
        """Whether some frame is presented before the keyframe that is stored before it."""
        return self.starts != sorted(self.starts)

    @cached_property
    def trap(self) -> str:
        """Why seeking by these packets could return wrong frames; "" if it cannot.

        An avi stores no times. FFmpeg infers them for MPEG-4 from the kinds of pictures, which is
        exact if each packet has one picture; for H.264 it cannot infer them.
        """
        times = [packet.pts for packet in self.packets]
        if None in times:
            return "its packets have no presentation times"
        if len(set(self.presentation)) < self.num_frames:
            return "several frames have the same presentation time"
        if min(self.starts) < 0:
            return "its first frames need others that are not there"
        if not all(_begins_anew(packet, codec=self.codec) for packet in self.packets):
            return "its keyframes need frames before them"
        if self._num_placeholders or not all(map(self._holds_one_picture, self.packets)):
            return "some of its packets may have two pictures or none"
        if not self.codec.has_b_frames:
            return ""
        if self.container == "avi" and self.codec.name != "mpeg4":
            return "an avi stores no presentation times, and this one has B-frames"
        if times == sorted(times) and len(times) > 2:
            return "it has B-frames, but its presentation times are in the order of storing"
        return ""


@contextmanager
def open_packets(path: Path) -> Iterator[Video]:
    """The video in `path`, with its packets.

    Raises DataError with the reason for a file that is empty, truncated, damaged or no video.
    """
    check_whole(path)
    with open_video(path) as (container, stream):
        packets = [packet for packet in container.demux(stream) if packet.size]
        live = is_live(path)
        check_complete(len(packets), container=container, stream=stream, is_live=live)
        if live and packets and packets[-1].is_corrupt:
            del packets[-1]  # the recording ended within this packet
        track = list(container.streams.video).index(stream)
        video = Video(
            stream.codec_context,
            container.format.name,
            packets,
            live,
            crop_of(path, track=track),
            pixel_aspect_of(stream),
        )
        if not video.num_frames:
            raise DataError("no frames: the video stream is empty")
        check_undamaged(video.packets, codec=video.codec)
        if video.packets[0].is_keyframe and _begins_anew(video.packets[0], codec=video.codec):
            video.codec.options = {"err_detect": "explode"}  # an error instead of made-up pixels
        yield video


def _is_shown(packet: Any, *, codec: str) -> bool:
    """False for frames that an edit list hides, and for VP8's and VP9's separate alt-ref frames."""
    if packet.is_discard:
        return False
    if codec == "vp8":
        return bool(memoryview(packet)[0] & 16)  # bit 4 of its header: show
    return codec != "vp9" or _is_shown_by_vp9(memoryview(packet))


def _is_shown_by_vp9(data: memoryview) -> bool:
    """Whether a VP9 packet has a frame that is shown.

    The header's bits say so: show_existing_frame, or the kind of frame and then show_frame. A
    superframe (which ends with an index of its own) has hidden frames and one that is shown.
    """
    if data[-1] >> 5 == 0b110:
        return True
    begin = 4 if data[0] >> 4 & 3 < 3 else 5
    return bool(data[0] >> (7 - begin) & 1 or data[0] >> (5 - begin) & 1)


def _begins_anew(packet: Any, *, codec: Any) -> bool:
    """False for a keyframe that decoding cannot start from; True for every other packet.

    Such a packet is wrongly marked as a keyframe, or refers to frames before it (H.264 with open
    GOPs or gradual refresh). The H.264 decoder takes such references for damage.
    """
    if codec.name not in ("h264", "hevc") or not packet.is_keyframe:
        return True
    size = nal_units.length_size(codec)
    return nal_units.begins_anew(bytes(packet), codec=codec.name, length_size=size)
