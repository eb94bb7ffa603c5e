"""How much a window may bring, and how a class may be called."""

import pytest

from spm.base.errors import ConfigError, DataError
from spm.page.limits import PageLimits
from spm.page.names import class_name


@pytest.mark.parametrize(
    ("option", "given"), [("max_mb", 0), ("max_seconds", -1), ("at_once", float("nan"))]
)
def test_a_limit_is_above_zero(option: str, given: float) -> None:
    with pytest.raises(ConfigError, match=f"^--{option.replace('_', '-')} .*above 0"):
        PageLimits(**{option: given})  # type: ignore[arg-type]


def test_what_is_too_much_is_said_with_what_is_allowed() -> None:
    limits = PageLimits(max_mb=2, max_seconds=10, max_minutes=1)
    limits.check_size(2 << 20)
    limits.check_clip(10)
    limits.check_clip(None)
    limits.check_video(60)
    with pytest.raises(DataError, match=r"it has 3\.0 MB, and this page takes files up to 2 MB"):
        limits.check_size(3 << 20)
    with pytest.raises(DataError, match="it lasts 11 s, and a clip is one action of at most 10 s"):
        limits.check_clip(11)
    with pytest.raises(ConfigError, match="more than 1 minutes: cut it"):
        limits.check_video(61)


def test_a_name_is_what_was_typed() -> None:
    assert class_name("  pouring \t tea ") == "pouring tea"
    assert class_name("Tee eingie\u00dfen") == "Tee eingießen"
    assert class_name("e\u0301") == "é"
    for typed in ("", "  ", "…", "a\u200bb", "x" * 121):
        with pytest.raises(DataError, match="Give the action a name"):
            class_name(typed)
