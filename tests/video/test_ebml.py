"""A webm is whole, or the byte is named where it is not."""

import io

import av
import pytest

from bench.burnt import write_clip
from spm.base.errors import DataError
from spm.video.ebml import check_matroska, is_endless
from tests.machines import told

VP8 = {"deadline": "realtime", "cpu-used": "8"}
CLUSTER, CUES = bytes.fromhex("1f43b675"), bytes.fromhex("1c53bb6b")


@pytest.fixture(scope="module")
def webm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("webm")
    return write_clip(folder / "clip.webm", codec="libvpx", options=VP8, audio=False).read_bytes()


def test_a_whole_file(webm):
    check_matroska(webm)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_a_file_that_lost_its_end(webm, share):
    with pytest.raises(DataError, match=f"truncated: the container declares {len(webm)} bytes"):
        check_matroska(webm[: int(len(webm) * share)])


def live(webm):
    """As a browser records it: nobody knew the sizes of segment and clusters yet."""
    data = bytearray(webm)
    for kind in (bytes.fromhex("18538067"), CLUSTER):
        at = data.index(kind) + 4
        length = 9 - data[at].bit_length()
        data[at : at + length] = (1 << 7 * length | (1 << 7 * length) - 1).to_bytes(length, "big")
    return bytes(data)


def test_a_live_recording(webm):
    check_matroska(live(webm))
    assert is_endless(live(webm))
    assert not is_endless(webm)


@pytest.mark.parametrize("ends", [-1, -30, 0, CLUSTER[:1], CLUSTER, CLUSTER + b"\x01", b"\xa3\x81"])
def test_the_unfinished_last_element_of_a_live_recording_is_its_end(webm, ends):
    data = live(webm[: webm.rindex(CUES)])
    check_matroska(data + ends if isinstance(ends, bytes) else data[: len(data) + ends])


def test_a_stray_byte_that_begins_no_element(webm):
    with pytest.raises(DataError, match=told("a stray byte in a webm").pattern):
        check_matroska(live(webm) + b"\x77")


def test_a_block_of_a_live_recording_that_swallows_the_others(webm):
    """Its damaged size reaches beyond the end, as an unfinished block's does."""
    with av.open(io.BytesIO(webm)) as container:
        at = [packet.pos for packet in container.demux(video=0)][20]
    data = bytearray(live(webm))
    data[data.rindex(b"\xa3", 0, at) + 1] = 0x1F  # four bytes of size, 200 MB and more
    with pytest.raises(DataError, match="hides those behind it"):
        check_matroska(bytes(data))


def test_a_hole_between_two_blocks(webm):
    with av.open(io.BytesIO(webm)) as container:
        at = [packet.pos for packet in container.demux(video=0)][20]
    data = bytearray(webm)
    data[at - 100 : at + 100] = bytes(200)
    with pytest.raises(DataError, match="damaged: not an element of Matroska at byte"):
        check_matroska(bytes(data))


@pytest.mark.parametrize(("place", "byte"), [(0, 0), (0, 0x85), (3, 0x82)])
def test_a_block_of_no_track_or_with_several_frames(webm, place, byte):
    """FFmpeg passes over it and the rest of its cluster, without an error."""
    with av.open(io.BytesIO(webm)) as container:
        at = [packet.pos for packet in container.demux(video=0)][20]
    data = bytearray(webm)
    assert data[at] == 0x81
    data[at + place] = byte
    for damaged in (bytes(data), live(data)):
        with pytest.raises(DataError, match="damaged: no block of a track at byte"):
            check_matroska(damaged)


def test_tracks_behind_the_clusters(webm):
    """Where mkvpropedit puts them when they grow."""
    start = webm.index(b"\x16\x54\xae\x6b", 200)
    tracks = webm[start : webm.index(b"\x12\x54\xc3\x67", start)]
    void = b"\xec\x01" + (len(tracks) - 9).to_bytes(7, "big") + bytes(len(tracks) - 9)
    data = bytearray(webm.replace(tracks, void) + tracks)
    at = data.index(b"\x18\x53\x80\x67") + 4
    size = int.from_bytes(data[at + 1 : at + 8], "big") + len(tracks)
    data[at + 1 : at + 8] = size.to_bytes(7, "big")
    check_matroska(bytes(data))
    with av.open(io.BytesIO(webm)) as container:
        data[[packet.pos for packet in container.demux(video=0)][20]] = 0x85
    with pytest.raises(DataError, match="damaged: no block of a track at byte"):
        check_matroska(bytes(data))


@pytest.mark.parametrize("kind", ["a3", "a0", "ec", "e7", "1f", "1f43b6", "58"])
def test_a_recording_may_end_in_an_id(webm, kind):
    check_matroska(live(webm) + bytes.fromhex(kind))


@pytest.mark.parametrize("byte", [b"\0", b"\x01", b"\xff"])
def test_a_byte_that_begins_no_id_is_damage(webm, byte):
    """A zero, too, alone as among others."""
    damaged = live(webm) + byte
    with pytest.raises(DataError, match=f"damaged: not an element of Matroska at byte {len(webm)}"):
        check_matroska(damaged)


def test_no_segment(webm):
    with pytest.raises(DataError, match="damaged: no segment"):
        check_matroska(webm[:36] + bytes(100))
