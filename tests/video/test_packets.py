"""What is known of a video before it is decoded."""

from types import SimpleNamespace

import pytest

from bench.burnt import write_clip
from bench.remade import VOP
from spm.base.errors import DataError
from spm.video.packets import Video, open_packets


class Packet(SimpleNamespace):
    pictures = 1

    def __bytes__(self):
        return self.pictures * VOP


def video(*rows, codec="mpeg2video", reorders=True, container="mov,mp4"):
    """One (pts, is_keyframe) each, in the order of storing."""
    packets = [
        Packet(pts=pts, is_keyframe=is_keyframe, is_discard=False, size=1000)
        for pts, is_keyframe in rows
    ]
    return Video(SimpleNamespace(name=codec, has_b_frames=reorders), container, packets)


# the example of the module's docstring
OPEN = video(
    *[(0, True), (3, False), (1, False), (2, False), (6, True), (4, False), (5, False), (9, False)]
)


def test_where_decoding_starts_for_each_packet():
    assert OPEN.starts == [0, 0, 0, 0, 4, 0, 0, 4]
    assert OPEN.presentation == [0, 1, 2, 3, 4, 5, 6, 9]
    assert OPEN.has_open_gops
    assert not OPEN.trap
    closed = video((0, True), (2, False), (1, False), (3, True), (5, False), (4, False))
    assert closed.starts == [0, 0, 0, 3, 3, 3]
    assert not closed.has_open_gops


@pytest.mark.parametrize(
    ("rows", "how", "trap"),
    [
        ([(0, True), (None, False)], {}, "no presentation times"),
        ([(0, True), (1, False), (1, False)], {}, "the same presentation time"),
        ([(0, False), (1, True)], {}, "its first frames need others"),
        ([(2, True), (0, False), (1, False)], {}, "its first frames need others"),
        ([(0, True), (1, False), (2, False)], {}, "in the order of storing"),
        ([(0, True), (1, False), (2, False)], {"reorders": False}, ""),
        ([(0, True), (2, False), (1, False)], {"container": "avi"}, "an avi stores no"),
        ([(0, True), (2, False), (1, False)], {"container": "avi", "codec": "mpeg4"}, ""),
    ],
)
def test_traps(rows, how, trap):
    found = video(*rows, **how).trap
    assert trap in found
    assert bool(trap) == bool(found)


def test_packets_of_mpeg4_with_two_pictures_or_none():
    for size, pictures in [(1000, 2), (1000, 0), (8, 1)]:
        odd = video((0, True), (2, False), (1, False), codec="mpeg4")
        odd.packets[1].size, odd.packets[1].pictures = size, pictures
        assert "two pictures or none" in odd.trap


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_hole_in_an_mp4(tmp_path, share):
    """512 bytes of zeros, as an interrupted download leaves them: its decoder shows a picture."""
    path = write_clip(tmp_path / "clip.mp4")
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat")
    at = start + int((data.index(b"moov") - start) * share)
    data[at : at + 512] = bytes(512)
    path.write_bytes(data)
    with (
        pytest.raises(DataError, match=r"damaged: packet \d+ of 40 has lost a part"),
        open_packets(path),
    ):
        pass


def test_all_frames_hidden(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "clip.mp4")
    monkeypatch.setattr("spm.video.packets._is_shown", lambda packet, codec: False)
    with pytest.raises(DataError, match="no frames"), open_packets(path):
        pass


def test_too_long_for_a_clip(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "clip.mp4")
    monkeypatch.setattr("spm.video.container._LARGEST", 1000)
    with pytest.raises(DataError, match=r"too long for a clip: .* cut it"), open_packets(path):
        pass
