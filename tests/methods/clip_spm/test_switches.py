"""What CLIP-SPM's switches change beside the numbers: its protocol, and what it takes."""

import pytest

import spm.methods
from spm.config.model import read_values


@pytest.mark.parametrize(
    ("query", "padm", "expected"),
    [(4, True, "20/21"), (1, True, "5/6"), (4, False, "inductive")],
)
def test_protocol_says_how_far_queries_see_each_other(
    query: int, padm: bool, expected: str
) -> None:
    head = spm.methods.build("clip_spm", channels=4, num_frames=4, padm=padm)
    text = head.protocol(queries=5 * query, shot=1)
    assert expected in text
    assert text.startswith("transductive") == padm


def test_only_spm_takes_texts() -> None:
    assert read_values("clip_spm").needs.text
    assert not read_values("clip_spm", spm=False).needs.text
