"""Times variants of the same work, and formats the results."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """A row of the table of `python -m bench`."""

    what: str
    reference: str
    """The name of the reference."""
    ours: float
    """Seconds of our variant."""
    theirs: float
    """Seconds of the reference."""
    target: float | None
    """The least allowed `ratio`; None: no target."""

    @property
    def ratio(self) -> float:
        """How many times as fast ours is as the reference."""
        return self.theirs / self.ours


def in_words(row: Mapping[str, Any]) -> str:
    """A row of numbers as a line of text: `head 0.194 · losses 0.214`."""
    shown = (f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())
    return " · ".join(shown)


def interleaved(
    variants: Mapping[str, Callable[[], Any]],
    *,
    rounds: int = 7,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median seconds of each variant, run in turn (A B A B …), so that a slow phase of the machine
    affects all equally. The first round warms up and is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, call in variants.items():
            start = clock()
            call()
            if number:
                seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def least_cpu_seconds(call: Callable[[], Any], *, repeats: int = 5) -> float:
    """CPU seconds of the fastest of `repeats` runs, after one to warm up.

    For machines with other work, which only ever makes a run slower. With several threads, the sum
    of their seconds.
    """
    seconds = []
    for _ in range(repeats + 1):
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    return min(seconds[1:])
