"""Maps vectors to the plane by UMAP (McInnes et al., 2018), and measures how far classes lie apart.

UMAP is an extra, `umap`: it compiles for 10 to 20 seconds in every process. The same seed gives the
same map: UMAP then runs on one thread.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spm.report.clip_vectors import ClipVectors
from spm.report.figures import new_figure, plain

_METRIC = "cosine"
_NEIGHBORS = 15


@dataclass(frozen=True)
class FeatureMap:
    """Vectors in the plane."""

    title: str
    points: NDArray[np.float32]
    """[Q, 2]"""
    silhouette: float
    """Of the vectors themselves, by cosine distance; -1 to 1, at 1 classes are far apart. The
    picture of two dimensions can flatter."""


def has_umap() -> bool:
    """Whether the extra is installed."""
    return find_spec("umap") is not None


def feature_maps(vectors: ClipVectors, *, method: str, seed: int) -> list[FeatureMap]:
    """The map of the tower's features and, where there are any, of those after the method, whose
    name in tables is `method`. None of clips that are too few. Needs `has_umap()`."""
    if not vectors.are_enough:
        return []
    kinds = {"features of the tower": vectors.tower}
    if vectors.method is not None:
        kinds[f"after {method}"] = vectors.method
    with _as_many_threads():
        return [_map(each, vectors.labels, title=title, seed=seed) for title, each in kinds.items()]


def map_figure(
    maps: Sequence[FeatureMap], *, labels: NDArray[np.int64], texts: Sequence[str]
) -> Figure:
    """The maps side by side: a point for each clip, a colour for each class."""
    figure = new_figure(5 * len(maps), 4.8 + 0.22 * len(texts))
    row = figure.subplots(1, len(maps), squeeze=False)[0]
    for axes, each in zip(row, maps, strict=True):
        for number in range(len(texts)):
            axes.scatter(*each.points[labels == number].T, s=22, color=f"C{number}")
        axes.set(
            title=f"{each.title}\nsilhouette {each.silhouette:.2f}",
            xticks=[],
            yticks=[],
            box_aspect=1,
        )
    points, words = row[0].collections, [*map(plain, texts)]
    figure.legend(points, words, loc="outside lower left", frameon=False)
    return figure


@contextmanager
def _as_many_threads() -> Iterator[None]:
    """torch has as many threads after the block: numba, which UMAP is made of, sets those of OpenMP
    in the whole process, and with them torch's speed and its last bits."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _map(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], *, title: str, seed: int
) -> FeatureMap:
    from sklearn.metrics import silhouette_score
    from umap import UMAP

    neighbors = min(_NEIGHBORS, len(vectors) - 1)
    umap = UMAP(n_neighbors=neighbors, metric=_METRIC, random_state=seed, n_jobs=1)
    silhouette = float(silhouette_score(vectors, labels, metric=_METRIC))
    return FeatureMap(title, umap.fit_transform(vectors), silhouette)
