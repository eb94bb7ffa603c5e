"""DPN: the dual-prototype network on frame tuples (Neurocomputing 2024).

    frames ─ ordered pairs, triples ─┬─ class-specific prototypes, by attention among the supports
                                     └─ query-specific prototypes, by attention from the query

prototypes.py has the equations. The logits are the mean over the cardinalities. The public release
computes the cosine of the query-specific part along the tuples, which `similarity_axis` selects;
its `norm_v`, which enters nothing, is not built.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from spm.methods.base import EpisodeFeatures, Method
from spm.methods.dpn.config import Config
from spm.methods.dpn.prototypes import DualPrototypes
from spm.nn.one_by_one import one_by_one
from spm.nn.packed import width
from spm.nn.precision import at_least_float32
from spm.nn.released_names import translated
from spm.nn.supports_by_class import SupportsByClass

_NAMES = {".query.": ".W_Q.", ".key.": ".W_K.", ".value.": ".W_V.", ".norm.": ".norm_k."}


class Dpn(Method):
    """Classifies by cosines with two prototypes; inductive, uses no texts."""

    released_unused: ClassVar[tuple[str, ...]] = ("*.norm_v.*",)
    unequal_shots: ClassVar[bool] = False

    def __init__(self, sizes: list[DualPrototypes]) -> None:
        """sizes: for each cardinality."""
        super().__init__()
        self.sizes = cast(Sequence[DualPrototypes], nn.ModuleList(sizes))

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]. Raises ValueError if the classes differ in number of supports."""

        def of_one(support: Tensor, query: Tensor, of_classes: SupportsByClass) -> Tensor:
            if episode.prepared is None:
                support, query = self._of_support(support), self._of_query(query)
            return self._logits(support, query, of_classes)

        clips = episode.prepared or (episode.support, episode.query)
        return one_by_one(
            of_one,
            *clips,
            episode.support_labels,
            num_classes=episode.num_classes,
            training=self.training,
            equal=True,
        )

    def prepare_query(self, features: Tensor) -> Tensor:
        """Queries and values of the clips' tuples."""
        return self._of_query(features)

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        """Keys and values of the clips' tuples."""
        return self._of_support(features)

    @staticmethod
    def released_name(name: str) -> str:
        """The name of the tensor `name` in the authors' release."""
        return translated(name, {"sizes.": ""}, _NAMES)

    def _of_support(self, frames: Tensor) -> Tensor:
        """[clips, T, C] -> [clips, n]."""
        return torch.cat([each.embed_support(frames) for each in self.sizes], dim=1)

    def _of_query(self, frames: Tensor) -> Tensor:
        """[clips, T, C] -> [clips, m]."""
        return torch.cat([each.embed_query(frames) for each in self.sizes], dim=1)

    def _logits(self, support: Tensor, query: Tensor, of_classes: SupportsByClass) -> Tensor:
        """support [S, n], query [Q, m] -> [Q, N]."""
        with at_least_float32(support, query) as (support, query):
            supports = torch.split(of_classes.of(support), self._widths("of_support"), dim=-1)
            queries = torch.split(query, self._widths("of_query"), dim=-1)
            logits = [
                each(*clips) for each, *clips in zip(self.sizes, supports, queries, strict=True)
            ]
            return torch.stack(logits).mean(dim=0)

    def _widths(self, side: str) -> list[int]:
        return [width(getattr(each, side)) for each in self.sizes]


def build(config: Config, *, channels: int, num_frames: int, **_: object) -> Dpn:
    """DPN as `config` describes it, with random weights. channels: C."""
    sizes = [
        DualPrototypes(
            channels,
            num_frames=num_frames,
            size=size,
            scale=config.scale,
            similarity_axis=config.similarity_axis,
            dropout=config.dropout,
        )
        for size in config.cardinalities
    ]
    return Dpn(sizes)
