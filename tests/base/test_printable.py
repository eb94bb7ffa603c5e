"""A path in a line of text."""

import os

import pytest

from spm.base.printable import printable


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        (b"a b.mp4", "a b.mp4"),
        ("größe.mp4".encode(), "größe.mp4"),
        (b"a\nb\x1b[2J.mp4", r"a\nb\x1b[2J.mp4"),
        (b"bad\xff.mp4", r"bad\xff.mp4"),
    ],
)
def test_a_path_in_a_line(name, printed):
    assert printable(os.fsdecode(name)) == printed
