"""Progress bars: live on a terminal, a line every 15 seconds in a log."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

_SECONDS_IN_A_LOG = 15.0


def progress_bar(items: Iterable[Any] | None = None, **options: Any) -> tqdm:
    """A tqdm bar with tqdm's options. If stderr is no terminal, it prints every 15 seconds."""
    interval = 0.1 if sys.stderr.isatty() else _SECONDS_IN_A_LOG
    return tqdm(items, mininterval=interval, maxinterval=interval, **options)
