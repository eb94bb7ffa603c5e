"""The schedule of a training: after which episodes the optimizer steps, and validation runs.

accumulate 4, validate_every 6:    0 1 2 3 | 4 5 | 6 7 | 8 9 10 11 | …
                                        step   val  step       step, val
"""

from collections.abc import Iterator
from dataclasses import dataclass

from spm.config.train import TrainConfig


@dataclass(frozen=True)
class Interval:
    """Episodes without a step or a validation between them, and what follows the last one."""

    episodes: range
    steps: bool
    """Whether the optimizer steps on the gradients so far."""
    validates: bool
    """Whether validation runs."""

    def groups(self, size: int) -> list[range]:
        """The episodes that go through the model together, `size` at a time."""
        first, end = self.episodes.start, self.episodes.stop
        return [range(start, min(start + size, end)) for start in range(first, end, size)]


def schedule(config: TrainConfig, *, first: int) -> Iterator[Interval]:
    """The intervals from episode `first`, which follows a step, to the last episode.

    With `steps_early` the last episodes leave gradients that no step uses.
    """
    for index in range(first, config.episodes):
        done = index + 1
        last = done == config.episodes
        steps = (done + config.steps_early) % config.accumulate == 0
        steps = steps or (last and not config.steps_early)
        validates = done % config.validate_every == 0 or last
        if steps or validates:
            yield Interval(range(first, done), steps, validates)
            first = done
