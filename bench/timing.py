"""Timing variants of the same work, and what is said about them."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """One row of the table of `python -m bench`."""

    what: str
    reference: str
    """What ours is compared with, in words."""
    ours: float
    """Seconds."""
    theirs: float
    """Seconds."""
    target: float | None
    """Times as fast that ours has to be; None where nothing is asked."""

    @property
    def ratio(self) -> float:
        """Times as fast as the reference."""
        return self.theirs / self.ours


def in_words(row: Mapping[str, Any]) -> str:
    """A row of figures as a line: `head 0.194 · losses 0.214`."""
    shown = (f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())
    return " · ".join(shown)


def interleaved(
    variants: Mapping[str, Callable[[], Any]],
    *,
    rounds: int = 7,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median seconds of each variant: A B A B …, so that a slow spell hits all of them alike.

    The first round warms up and is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, call in variants.items():
            start = clock()
            call()
            if number:
                seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}
