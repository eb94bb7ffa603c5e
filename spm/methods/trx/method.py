"""TRX: few-shot classification by CrossTransformers of frame tuples (Perrett et al., CVPR 2021).

    frames ─ ordered pairs, triples ─ keys, values ─ for each query tuple, a prototype by attention
                                                     over all tuples of the class ─ −distance²

spm.nn.cross_transformer has the equations. As in the public release, the distance is squared and
the cardinalities are averaged (the paper: not squared, summed); the release's `norm_v`, which
enters nothing, is not built.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from typing import ClassVar

from torch import Tensor

from spm.methods.base import EpisodeFeatures, Method
from spm.methods.trx.config import Config
from spm.nn.cross_transformer import CrossTransformers
from spm.nn.one_by_one import one_by_one
from spm.nn.released_names import WITHIN_A_CROSS_TRANSFORMER, translated
from spm.nn.supports_by_class import SupportsByClass


class Trx(Method):
    """Classifies by distances of frame tuples; inductive, uses no texts."""

    released_unused: ClassVar[tuple[str, ...]] = ("*.norm_v.*",)

    def __init__(self, transformers: CrossTransformers) -> None:
        super().__init__()
        self.transformers = transformers

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]."""

        def of_one(support: Tensor, query: Tensor, of_classes: SupportsByClass) -> Tensor:
            if episode.prepared is None:
                support, query = self.transformers.embed(support), self.transformers.embed(query)
            logits: Tensor = self.transformers(support, query, of_classes)
            return logits

        clips = episode.prepared or (episode.support, episode.query)
        return one_by_one(
            of_one,
            *clips,
            episode.support_labels,
            num_classes=episode.num_classes,
            training=self.training,
        )

    def prepare_query(self, features: Tensor) -> Tensor:
        """Keys and values of the clips' tuples, the same for a support and a query."""
        return self.transformers.embed(features)

    @staticmethod
    def released_name(name: str) -> str:
        """The name of the tensor `name` in the authors' release."""
        return translated(name, {"transformers.": ""}, WITHIN_A_CROSS_TRANSFORMER)


def build(config: Config, *, channels: int, num_frames: int, **_: object) -> Trx:
    """TRX as `config` describes it, with random weights. channels: C."""
    transformers = CrossTransformers(
        channels,
        num_frames=num_frames,
        cardinalities=config.cardinalities,
        dim=config.dim,
        dropout=config.dropout,
    )
    return Trx(transformers)
