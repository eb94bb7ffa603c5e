"""Baseline readers: each calls a library directly, as scripts do, and checks nothing.

Each reader counts the frames of a video, and returns their number and the frames at
`pick(number)`, in the video's size, with one thread.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from spm.base.arrays import Frames
from spm.video.clip import Pick

Read = Callable[[Path, Pick], tuple[int, list[Frames]]]


def decord(path: Path, pick: Pick) -> tuple[int, list[Frames]]:
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    video = decord.VideoReader(str(path), num_threads=1)
    return len(video), list(video.get_batch(pick(len(video))).asnumpy())


def torchcodec(path: Path, pick: Pick) -> tuple[int, list[Frames]]:
    from torchcodec.decoders import VideoDecoder

    video = VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1)
    return len(video), list(video.get_frames_at(indices=pick(len(video)).tolist()).data.numpy())


def pyav_sequence(path: Path, pick: Pick) -> tuple[int, list[Frames]]:
    """Counts the packets, then decodes all frames."""
    with av.open(str(path)) as container:
        num_frames = sum(packet.size > 0 for packet in container.demux(video=0))
    wanted, convert = set(pick(num_frames).tolist()), VideoReformatter()
    frames = []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                frames.append(_rgb(frame, convert))
    return num_frames, frames


def pyav_seek(path: Path, pick: Pick) -> tuple[int, list[Frames]]:
    """Lists the packets' times, then seeks to the keyframe before each wanted frame, unless the
    decoder is past this keyframe; skips frames that are neither wanted nor referenced."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = sorted(packet.pts for packet in packets)
        keys = sorted(packet.pts for packet in packets if packet.is_keyframe)
        wanted = [times[index] for index in pick(len(times))]
        frames, convert, position = {}, VideoReformatter(), None
        for time in wanted:
            if time in frames:
                continue
            key = keys[np.searchsorted(keys, time, side="right") - 1]
            if position is None or key > position:
                container.seek(key, stream=stream)
                decoder = _decode(container, stream, set(wanted))
            for frame in decoder:
                position = frame.pts
                if position in wanted:
                    frames[position] = _rgb(frame, convert)
                if position >= time:
                    break
    return len(times), [frames[time] for time in wanted]


def _decode(container, stream, wanted: set[int]):
    for packet in container.demux(stream):
        stream.codec_context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
        yield from packet.decode()


def _rgb(frame, convert: VideoReformatter) -> Frames:
    return convert.reformat(frame, format="rgb24", threads=1).to_ndarray()


READERS: dict[str, Read] = {
    "decord": decord,
    "PyAV in sequence": pyav_sequence,
    "PyAV seeking": pyav_seek,
}
if find_spec("torchcodec"):
    READERS["torchcodec"] = torchcodec
