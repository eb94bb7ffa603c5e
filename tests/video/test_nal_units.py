"""Packets of H.264 and HEVC: whole or not, and where decoding can begin."""

from types import SimpleNamespace

import pytest

from spm.video.nal_units import are_whole, begins_anew, length_size

SLICE, IDR, CRA = b"\x41\x9a\x01", b"\x65\x88\x84", b"\x2a\x01\xaf"


def stored(*units, size=4):
    return b"".join(len(unit).to_bytes(size, "big") + unit for unit in units)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_units_that_fill_their_packet(size):
    assert are_whole(stored(SLICE, IDR, size=size), length_size=size)


@pytest.mark.parametrize(
    "packet",
    [
        stored(SLICE, IDR)[:-1],  # the last unit is longer than the packet
        stored(SLICE) + b"\0",  # half a length
        stored(SLICE) + bytes(4),  # a unit of no bytes
        stored(SLICE[:2] + bytes(512) + SLICE),  # a hole
    ],
)
def test_packets_that_lost_a_part(packet):
    assert not are_whole(packet, length_size=4)


def test_zeros_at_the_end_of_a_unit_are_padding():
    assert are_whole(stored(SLICE + bytes(8)), length_size=4)


@pytest.mark.parametrize(
    ("codec", "units", "expected"),
    [
        ("h264", [b"\x67\x64", IDR], True),
        ("h264", [b"\x06\x05", SLICE], False),  # SEI and a picture of type I: recovery point
        ("hevc", [b"\x40\x01", CRA], True),
        ("hevc", [b"\x02\x01\xd0"], False),
    ],
)
def test_where_decoding_can_begin(codec, units, expected):
    assert begins_anew(stored(*units), codec=codec, length_size=4) == expected
    with_start_codes = b"".join(b"\0\0\0\1" + unit for unit in units)
    assert begins_anew(with_start_codes, codec=codec, length_size=0) == expected


def test_the_size_of_lengths_is_in_the_codec_s_configuration():
    h264 = bytes([1, 100, 0, 31, 0xFC | 1])
    hevc = bytes([1, *range(20), 0xFC | 3])
    assert length_size(SimpleNamespace(name="h264", extradata=h264)) == 2
    assert length_size(SimpleNamespace(name="hevc", extradata=hevc)) == 4
    for name, extradata in [("h264", b"\0\0\0\1\x67"), ("h264", None), ("vp9", h264)]:
        assert length_size(SimpleNamespace(name=name, extradata=extradata)) == 0
