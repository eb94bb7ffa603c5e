"""The end of an error about an unknown name."""

import pytest

from spm.base.nearest import nearest


@pytest.mark.parametrize(
    ("name", "otherwise", "expected"),
    [
        ("episode", "There are: lr, episodes", " Did you mean 'episodes'?"),
        ("EPISODES", "", " Did you mean 'episodes'?"),
        ("zzz", "There are: lr, episodes", " There are: lr, episodes"),
        ("zzz", "", ""),
    ],
)
def test_the_closest_name_or_what_is_said_otherwise(name, otherwise, expected):
    assert nearest(name, ["lr", "episodes"], otherwise=otherwise) == expected
