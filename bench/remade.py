"""Test clips made from other clips without encoding again, as editors, phones and accidents do."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av

FIXED = 1 << 16  # 1.0 in an mp4's matrix
VOP = b"\0\0\1\xb6"  # MPEG-4's start code of a picture
NOT_CODED = VOP + bytes([0b01010000, 0b01001111])
_VIDEO = {
    "left": 0x54CC,
    "top": 0x54BB,
    "right": 0x54DD,
    "bottom": 0x54AA,
    "display_width": 0x54B0,
    "display_height": 0x54BA,
}
"""Matroska's ids of the pixels to crop, and of the display size."""
Packets = list[Any]


def remux(
    source: Path,
    target: Path,
    *,
    change: Callable[[Packets], Packets] = lambda packets: packets,
    options: dict[str, str] | None = None,
) -> Path:
    """Copies a clip without encoding. change: packets in storage order -> packets to write;
    options: of the muxer."""
    with av.open(str(source)) as opened, av.open(str(target), "w", options=options or {}) as out:
        stream = out.add_stream_from_template(opened.streams.video[0])
        for packet in change([packet for packet in opened.demux(video=0) if packet.size]):
            packet.stream = stream
            out.mux(packet)
    return target


def with_data(packet: Any, data: bytes) -> Any:
    """A copy of the packet with the bytes `data`."""
    changed = av.Packet(data)
    changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
    changed.time_base, changed.is_keyframe = packet.time_base, packet.is_keyframe
    return changed


def cut(source: Path, target: Path, *, first_keyframe: int) -> Path:
    """A copy that starts at a keyframe; an edit list hides its first five frames, which are only
    needed for decoding."""

    def shift(packets: Packets) -> Packets:
        keyframes = [i for i, packet in enumerate(packets) if packet.is_keyframe]
        kept = packets[keyframes[first_keyframe] :]
        start = kept[0].pts + 5 * packets[0].duration
        for packet in kept:
            packet.pts, packet.dts = packet.pts - start, packet.dts - start
        return kept

    return remux(source, target, change=shift)


def end_early(path: Path, *, share: float) -> Path:
    """Shortens what the edit list of an mp4 shows, as trimming on a phone does."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12
    duration = int.from_bytes(data[at : at + 4], "big")
    data[at : at + 4] = int(duration * share).to_bytes(4, "big")
    path.write_bytes(data)
    return path


def in_storing_order(packets: Packets) -> Packets:
    """Sorts presentation times into storage order, as careless copies of avi files do."""
    for packet, time in zip(packets, sorted(packet.pts for packet in packets), strict=True):
        packet.pts = packet.dts = time
    return packets


def flag_keyframe(packets: Packets) -> Packets:
    """Flags a frame in the middle of a GOP as a keyframe."""
    packets[17].is_keyframe = True
    return packets


def hide_every_tenth(packets: Packets) -> Packets:
    """VP8: turns frames 5, 15, 25 … into alt-ref frames, which are decoded and never shown."""
    for number in range(5, len(packets), 10):
        data = bytearray(bytes(packets[number]))
        data[0] &= ~0x10
        packets[number] = with_data(packets[number], bytes(data))
    return packets


def pack_b_frames(packets: Packets) -> Packets:
    """MPEG-4 as in DivX 5: a B-frame lies in the packet of the frame that it references, and a
    placeholder (a VOP that is not coded) takes its place. For one B-frame between other frames."""
    times = [(packet.pts, packet.dts) for packet in packets]
    packed: Packets = []
    for packet in packets:
        data = bytes(packet)
        if data[data.index(VOP) + 4] >> 6 == 2:
            packed[-1] = with_data(packed[-1], bytes(packed[-1]) + data)
            packed.append(with_data(packet, NOT_CODED))
        else:
            packed.append(with_data(packet, data.replace(VOP, b"\0\0\1\xb2DivX503b1393p" + VOP, 1)))
    for packet, (_, dts) in zip(packed, times, strict=True):
        packet.pts = packet.dts = dts
    return packed


def drop_first_gop(packets: Packets) -> Packets:
    """Drops all packets before the second keyframe, without an edit list."""
    return packets[[i for i, packet in enumerate(packets) if packet.is_keyframe][1] :]


def repeat_frames(packets: Packets) -> Packets:
    """MPEG-4: adds after every fifth packet one that repeats the frame (a VOP that is not coded),
    as Xvid writes for dropped frames."""
    repeated: Packets = []
    for number, packet in enumerate(packets):
        repeated.append(packet)
        if number % 5 == 2:
            repeated.append(with_data(packet, NOT_CODED))
            repeated[-1].is_keyframe = False
    for time, packet in enumerate(repeated):
        packet.pts = packet.dts = time
    return repeated


def drop_frame(packets: Packets) -> Packets:
    """Drops a frame. An avi then stores an empty packet, which repeats the frame before."""
    return packets[:-3] + packets[-2:]


def pause(packets: Packets) -> Packets:
    """Pauses for three frames after every twelve, as in a copy of a video of variable rate, or from
    a slow webcam. An avi then stores three empty chunks."""
    for number, packet in enumerate(packets):
        packet.pts, packet.dts = (time + 3 * (number // 12) for time in (packet.pts, packet.dts))
    return packets


def split_superframes(packets: Packets) -> Packets:
    """VP9: puts alt-ref frames, which are never shown, into packets of their own."""
    split = av.BitStreamFilterContext("vp9_superframe_split", packets[0].stream)
    parts = [part for packet in packets for part in split.filter(packet)]
    for time, packet in enumerate(parts):
        packet.pts = packet.dts = time
    return parts


def drop_b_frame(packets: Packets) -> Packets:
    """Drops the B-frame that is seventeenth in presentation order."""
    time = sorted(packet.pts for packet in packets)[16]
    return [packet for packet in packets if packet.pts != time]


def rotate(path: Path, *, quarter_turns: int) -> Path:
    """Writes a rotation into the track header of an mp4, as phones do."""
    cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarter_turns]
    matrix = (cos, sin, 0, -sin, cos, 0, 0, 0, 1 << 14)
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    data[start : start + 36] = struct.pack(">9i", *(value * FIXED for value in matrix))
    path.write_bytes(data)
    return path


def crop_mp4(path: Path, *, width: int, height: int, right: int, down: int) -> Path:
    """Adds a clean aperture to an mp4, as cameras do: width, height and offset of its centre."""
    clap = struct.pack(">8i", width, 1, height, 1, right, 1, down, 1)
    data = bytearray(path.read_bytes())
    at = data.index(b"avcC") - 4
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        place = data.rindex(kind, 0, at) - 4
        size = int.from_bytes(data[place : place + 4], "big") + 40
        data[place : place + 4] = size.to_bytes(4, "big")
    data[at:at] = struct.pack(">I4s", 40, b"clap") + clap
    path.write_bytes(data)
    return path


def describe_video(path: Path, **values: int) -> Path:
    """Writes values of _VIDEO into the video description of an mkv or webm, after width and height.

    Overwrites other values and the empty space that FFmpeg's muxer leaves there.
    """
    data = path.read_bytes()
    old = re.search(rb"\xe0.(\xb0\x81.\xba\x81.).{,8}\xec\x01\0{6}\x02\0\0", data, re.DOTALL)
    video = old[1] + b"".join(
        struct.pack(">HBB", _VIDEO[name], 0x81, values[name]) for name in values
    )
    empty = len(old[0]) - len(video) - 4
    new = bytes([0xE0, 0x80 | len(video)]) + video + bytes([0xEC, 0x80 | empty]) + bytes(empty)
    path.write_bytes(data[: old.start()] + new + data[old.end() :])
    return path


def declare_more(path: Path, *, num_frames: int) -> Path:
    """Writes a number of frames into the headers of an avi."""
    data = bytearray(path.read_bytes())
    for at in (data.index(b"avih") + 24, data.index(b"strh") + 40):
        data[at : at + 4] = num_frames.to_bytes(4, "little")
    path.write_bytes(data)
    return path


def list_fewer(path: Path, *, num_frames: int) -> Path:
    """Damages the index of an mp4: it then lists only the first `num_frames` frames."""
    data = bytearray(path.read_bytes())
    at = data.index(b"stsc") + 16
    data[at : at + 4] = num_frames.to_bytes(4, "big")
    path.write_bytes(data)
    return path


def end_still(path: Path, *, num_frames: int) -> Path:
    """Appends `num_frames` empty chunks to an avi, so that its last picture is repeated."""
    data = bytearray(path.read_bytes())
    for at in (4, data.index(b"movi") - 4):  # sizes of the file and of the list of chunks
        _add(data, at, 8 * num_frames)
    for at in (data.index(b"avih") + 24, data.index(b"strh") + 40):
        _add(data, at, num_frames)
    at = data.index(b"idx1")
    data[at:at] = num_frames * (b"00dc" + bytes(4))
    path.write_bytes(data)
    return path


def _add(data: bytearray, at: int, more: int) -> None:
    number = int.from_bytes(data[at : at + 4], "little") + more
    data[at : at + 4] = number.to_bytes(4, "little")


def empty_last_samples(path: Path, *, num_frames: int, of: int) -> Path:
    """Makes the last samples of an mp4 empty, as some editors do to repeat a picture."""
    data = bytearray(path.read_bytes())
    end = data.index(b"stsz") + 16 + 4 * of
    data[end - 4 * num_frames : end] = bytes(4 * num_frames)
    path.write_bytes(data)
    return path


def pipe(path: Path, *, stray: bytes = b"") -> Path:
    """A webm or mkv as browsers and recorders stream it: sizes are unknown.

    stray: first bytes of an unfinished next element, at the end.
    """
    seekable = path.rename(path.with_name(f"seekable-{path.name}"))
    with open(path, "wb") as file, av.open(str(seekable)) as opened:
        container = "matroska" if path.suffix == ".mkv" else path.suffix[1:]
        with av.open(SimpleNamespace(write=file.write), "w", format=container) as out:
            stream = out.add_stream_from_template(opened.streams.video[0])
            for packet in opened.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
        file.write(stray)
    seekable.unlink()
    return path


def lose_chunk(path: Path) -> Path:
    """Damages the chunk name of a frame of an avi; the index still lists the frame."""
    data = bytearray(path.read_bytes())
    at = data.index(b"00dc", len(data) // 2)
    data[at : at + 4] = b"0?dc"
    path.write_bytes(data)
    return path


def lose_samples(path: Path, *, share: float) -> Path:
    """Truncates an mp4 with its index in front, and corrects the box's size. The file looks whole,
    but the index lists frames beyond its end."""
    data = path.read_bytes()
    start = data.index(b"mdat") - 4
    kept = bytearray(data[: start + int((len(data) - start) * share)])
    kept[start : start + 4] = (len(kept) - start).to_bytes(4, "big")
    path.write_bytes(kept)
    return path


def truncate(path: Path, *, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
