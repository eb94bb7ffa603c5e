"""The width of a head, and what is said of heads that cannot share the channels."""

import pytest

from spm.base.errors import ConfigError
from spm.nn.head_width import head_width


def test_heads_share_the_channels() -> None:
    assert head_width(512, heads=8) == 64


@pytest.mark.parametrize(
    ("channels", "heads", "nearest"),
    [(20, 8, "5 or 10"), (768, 5, "4 or 6"), (13, 2, "1 or 13"), (16, 30, "16")],
)
def test_others_are_an_error_with_the_nearest_that_can(
    channels: int, heads: int, nearest: str
) -> None:
    with pytest.raises(ConfigError) as error:
        head_width(channels, heads=heads)
    assert str(error.value) == (
        f"model.heads = {heads}: the heads share the {channels} channels of the features equally. "
        f"Set it to {nearest}"
    )
