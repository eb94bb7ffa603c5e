"""Episodes: N-way K-shot tasks with M queries per class.

An episode is a pure function of (seed, split, index). It does not depend on workers, ranks, or
where a run was resumed. Clip numbers are rows of the frame store's table.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spm.episodes.feasibility import check_feasible

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Episode:
    """One task. Supports of all classes are in one array, ordered by class; likewise queries."""

    classes: Ints
    """[N], positions in the split's sorted class names. Label n is the class classes[n]."""
    support: Ints
    """[S] clip numbers."""
    support_labels: Ints
    """[S] in 0..N-1."""
    query: Ints
    """[Q] clip numbers, disjoint from `support`."""
    query_labels: Ints
    """[Q] in 0..N-1."""


class EpisodeSampler:
    """Draws episodes from the classes of one split."""

    def __init__(
        self,
        classes: dict[str, Ints],
        *,
        way: int,
        shot: int,
        query: int,
        seed: int,
        split: str,
    ) -> None:
        """classes: name -> clip numbers. Raises DataError for too few classes or clips."""
        counts = {split: {name: len(clips) for name, clips in classes.items()}}
        check_feasible(counts, way=way, shot=shot, query=query, split=split)
        self.class_names = sorted(classes)
        self._clips = [np.sort(classes[name]) for name in self.class_names]
        self.way, self.shot, self.query = way, shot, query
        self._key = [seed, zlib.crc32(split.encode())]

    def episode(self, index: int) -> Episode:
        """Episode number `index`; the same index always gives the same episode."""
        rng = np.random.default_rng([*self._key, index])
        classes = rng.choice(len(self._clips), size=self.way, replace=False)
        drawn = np.stack([self._draw(number, rng) for number in classes])
        return Episode(
            classes=classes,
            support=drawn[:, : self.shot].reshape(-1),
            support_labels=np.repeat(np.arange(self.way), self.shot),
            query=drawn[:, self.shot :].reshape(-1),
            query_labels=np.repeat(np.arange(self.way), self.query),
        )

    def clips_of(self, number: int) -> Ints:
        """The clips of the class at this position in `class_names`."""
        return self._clips[number]

    def stream(self, index: int, number: int) -> np.random.Generator:
        """Random numbers of episode `index` that its own clips were not drawn by; number > 0."""
        return np.random.default_rng([*self._key, index, number])

    def _draw(self, number: int, rng: np.random.Generator) -> Ints:
        return rng.choice(self._clips[number], size=self.shot + self.query, replace=False)
