"""The course of a training, known beforehand: which episodes run between two events.

accumulate 4, validate_every 6:    0 1 2 3 | 4 5 | 6 7 | 8 9 10 11 | …
                                        step   val  step       step, val
"""

from collections.abc import Iterator
from dataclasses import dataclass

from spm.config.train import TrainConfig


@dataclass(frozen=True)
class Stretch:
    """Episodes that no step and no validation separates, and what follows them."""

    episodes: range
    steps: bool
    """The optimizer steps on the gradients so far."""
    validates: bool

    def groups(self, size: int) -> list[range]:
        """The episodes that go through the model together, `size` at a time."""
        first, end = self.episodes.start, self.episodes.stop
        return [range(start, min(start + size, end)) for start in range(first, end, size)]


def stretches(config: TrainConfig, *, first: int) -> Iterator[Stretch]:
    """From episode `first`, which follows a step, to the end.

    With `steps_early` the end leaves gradients over, and nothing steps on them.
    """
    for index in range(first, config.episodes):
        done = index + 1
        last = done == config.episodes
        steps = (done + config.steps_early) % config.accumulate == 0
        steps = steps or (last and not config.steps_early)
        validates = done % config.validate_every == 0 or last
        if steps or validates:
            yield Stretch(range(first, done), steps, validates)
            first = done
