"""Test clips whose frames carry their number in the picture: eight bars, bright for a 1 bit."""

import struct
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

FIXED = 1 << 16  # 1.0 in an mp4's matrix


def picture(number: int, *, width: int, height: int) -> np.ndarray:
    """[H, W, 3] RGB."""
    bits = (number >> (np.arange(width) * 8 // width)) & 1
    return np.broadcast_to(np.where(bits, 230, 25)[None, :, None], (height, width, 3)).astype("u1")


def numbers(frames: np.ndarray) -> list[int]:
    """What is burnt into [n, H, W, 3]."""
    width = frames.shape[2]
    centres = (2 * np.arange(8) + 1) * width // 16
    bits = frames.mean(axis=(1, 3))[:, centres] > 128
    return [int(row) for row in bits @ (1 << np.arange(8))]


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    num_frames: int = 40,
    size: tuple[int, int] = (128, 96),
    first: int = 0,
    options: dict[str, str] | None = None,
    audio: bool = False,
) -> Path:
    """A clip of width × height `size` whose frames have the numbers from `first` on; B-frames where
    the codec has them, a keyframe every 12 frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=20, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p" if size[0] % 2 == size[1] % 2 == 0 else "yuv444p"
        stream.codec_context.gop_size = 12
        stream.codec_context.thread_count = 1
        if codec != "libvpx-vp9":
            stream.codec_context.max_b_frames = 2
        if audio:
            _write_silence(container, container.add_stream("aac", rate=44100))
        for number in range(first, first + num_frames):
            image = picture(number, width=size[0], height=size[1])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_audio(path: Path, *, cover: bool = False) -> Path:
    """Sound without a picture, or with the cover of the record, which is a stream of one frame."""
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


def cut(source: Path, target: Path, *, first_keyframe: int) -> Path:
    """A copy without re-encoding that starts two frames before a keyframe's successor: an edit list
    hides the frames that are only needed to decode."""
    with av.open(str(source)) as opened, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(opened.streams.video[0])
        packets = [packet for packet in opened.demux(video=0) if packet.size]
        keyframes = [i for i, packet in enumerate(packets) if packet.is_keyframe]
        kept = packets[keyframes[first_keyframe] :]
        step = packets[0].duration
        shift = kept[0].pts + 5 * step  # presentation begins five frames after the keyframe
        for packet in kept:
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = stream
            container.mux(packet)
    return target


def rotate(path: Path, *, quarter_turns: int) -> Path:
    """Writes a rotation into the track header of an mp4, as phones do."""
    cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarter_turns]
    matrix = (cos, sin, 0, -sin, cos, 0, 0, 0, 1 << 14)
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    data[start : start + 36] = struct.pack(">9i", *(value * FIXED for value in matrix))
    path.write_bytes(data)
    return path


def truncate(path: Path, *, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
