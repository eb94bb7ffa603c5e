"""Reading frames with PyAV: by seeking to keyframes where that is exact, in sequence elsewhere.

Frames are identified by their time (pts), never counted from a keyframe. If seeking does not give
the frames that the packets promise, the whole video is decoded in sequence, and this result counts.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spm.base.arrays import Frames
from spm.base.errors import DataError
from spm.video.clip import Clip, Pick, Resize
from spm.video.packets import Video, open_packets
from spm.video.shown import Crop, turn_of

_SKIPPABLE = ("h264", "mpeg4", "vp8", "vp9")
"""Codecs whose decoders can skip frames that no other frame refers to. HEVC's can too, but would
also skip frames that a higher temporal layer needs."""


def read_with_pyav(path: Path, *, pick: Pick, resize: Resize, seek: bool) -> Clip:
    """The frames at `pick(video_frames)`, resized. `seek`: whether to seek where seeking is exact.

    Raises DataError with the reason for a file that cannot be decoded to its end.
    """
    with open_packets(path) as video:
        if not seek or video.trap:
            return _read_in_sequence(video, pick=pick, resize=resize)
        indices, places = np.unique(pick(video.num_frames), return_inverse=True)
        frames = _seek(video, times=[video.presentation[index] for index in indices], resize=resize)
        if frames is not None:
            shown = stack(frames, places=places)
            return Clip(shown, "pyav-seek", video.num_frames, video.seconds)
    return read_with_pyav(path, pick=pick, resize=resize, seek=False)


def _seek(video: Video, *, times: list[int], resize: Resize) -> list[Frames] | None:
    """The frames presented at `times` (sorted); None if decoding does not give each as promised."""
    import av

    wanted, found, show = set(times), {}, _shower(video, resize=resize)
    try:
        for run in _runs(video, wanted):
            for frame in _decode_run(video, run, wanted):
                if frame.pts in wanted and not frame.is_corrupt:
                    found[frame.pts] = show(frame)
    except (_UnexpectedFrameError, av.error.FFmpegError):
        return None
    return [found[time] for time in times] if len(found) == len(times) else None


def _runs(video: Video, wanted: set[int]) -> list[range]:
    """Runs of packets to decode without a break; each run begins with a keyframe."""
    runs: list[range] = []
    for number, packet in enumerate(video.packets):
        if packet.pts in wanted:
            start = video.starts[number]
            while runs and start <= runs[-1].stop:
                start = min(start, runs.pop().start)
            runs.append(range(start, number + 1))
    return runs


class _UnexpectedFrameError(Exception):
    """The decoder returned another frame than the packets promise."""


def _decode_run(video: Video, run: range, wanted: set[int]) -> Iterator[Any]:
    """Frames of the packets in `run`, at least the wanted ones, in the order of presentation."""
    codec, first = video.codec, video.packets[run.start]
    last_pts = None
    codec.flush_buffers()
    for frame in _decode(codec, _needed(video, run, wanted)):
        if last_pts is None and not first.is_discard:
            if frame.pts != first.pts or not frame.key_frame:
                raise _UnexpectedFrameError  # `first` is no keyframe, whatever the container says
        elif last_pts is not None and frame.pts <= last_pts:
            raise _UnexpectedFrameError
        last_pts = frame.pts
        yield frame


def _needed(video: Video, run: range, wanted: set[int]) -> Iterator[Any]:
    """The packets of `run` without those presented before its keyframe. The decoder is told to skip
    frames that are neither wanted nor referred to."""
    for number in run:
        packet = video.packets[number]
        if video.starts[number] >= run.start:
            if video.codec.name in _SKIPPABLE:
                keep = packet.is_keyframe or packet.pts in wanted
                video.codec.skip_frame = "DEFAULT" if keep else "NONREF"
            yield packet


def _decode(codec: Any, packets: Iterator[Any]) -> Iterator[Any]:
    for packet in packets:
        yield from codec.decode(packet)
    yield from codec.decode(None)


def _read_in_sequence(video: Video, *, pick: Pick, resize: Resize) -> Clip:
    """Decodes every frame from the first to the last, which is right on any file."""
    expected = video.num_frames
    indices, places = np.unique(pick(expected), return_inverse=True)
    frames, decoded = _decode_all(video, indices=indices, resize=resize)
    if decoded < max(1, expected - video.may_lack):
        raise DataError(f"damaged: has {expected} frames, {decoded} could be decoded")
    if decoded != expected:  # rare: the frames were picked for another length
        video.codec.flush_buffers()
        indices, places = np.unique(pick(decoded), return_inverse=True)
        frames, _ = _decode_all(video, indices=indices, resize=resize)
    return Clip(stack(frames, places=places), "pyav", decoded, video.seconds)


def _decode_all(
    video: Video, *, indices: npt.NDArray[np.int64], resize: Resize
) -> tuple[list[Frames], int]:
    """The frames at `indices`, and the number of frames that could be decoded."""
    import av

    wanted, frames, decoded = set(indices.tolist()), [], 0
    show = _shower(video, resize=resize)
    try:
        for frame in _decode(video.codec, iter(video.packets)):
            if decoded in wanted:
                frames.append(show(frame))
            decoded += 1
    except av.error.FFmpegError as error:
        where = f"after {decoded} of {video.num_frames} frames"
        raise DataError(f"damaged: cannot be decoded {where} ({error.strerror})") from error
    return frames, decoded


def shower(*, crop: Crop, pixel_aspect: float, resize: Resize) -> Callable[[Any], Frames]:
    """A function: decoded frame -> RGB [H, W, 3], cropped and turned as the file says, and resized.

    Colours follow the file's matrix and range (BT.601 if it names none), chroma as swscale repeats
    it.
    """
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()

    def show(frame: Any) -> Frames:
        converted = reformatter.reformat(frame, format="rgb24", threads=1)
        picture, turn = np.asarray(converted.to_ndarray(), np.uint8), turn_of(frame)
        return resize(turn.of(crop.of(picture)), pixel_aspect=turn.aspect(pixel_aspect))

    return show


def _shower(video: Video, *, resize: Resize) -> Callable[[Any], Frames]:
    return shower(crop=video.crop, pixel_aspect=video.pixel_aspect, resize=resize)


def first_frame(video: Video) -> Any:
    """The first decoded frame, which alone tells how the video is to be turned."""
    import av

    try:
        for frame in _decode(video.codec, iter(video.packets)):
            return frame
    except av.error.FFmpegError as error:
        raise DataError(f"damaged: its first frame cannot be decoded ({error.strerror})") from error
    raise DataError("damaged: no frame could be decoded")


def stack(frames: list[Frames], *, places: npt.NDArray[np.int64]) -> Frames:
    """[n, H, W, 3]: frame `places[k]` at k."""
    if len({frame.shape for frame in frames}) > 1:
        raise DataError("the frame size changes within the video")
    return np.stack([frames[place] for place in places])
