"""OTAM: few-shot classification by ordered temporal alignment (Cao et al., CVPR 2020).

    logits[q, n] = − mean over the supports k of class n of d(q, k)

d is the sum of two soft alignment costs, of q onto k and of k onto q (spm.nn.otam). An alignment
may begin and end at any frame. A class's distance is the mean over its supports; the supports'
features are not averaged. Only the tower is trained. OTAM has no official code. This is the variant
that later work runs: 0.01 in the cosine's denominator, and λ log-sum-exp as the soft minimum.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from torch import Tensor

from spm.methods.base import Alignment, EpisodeFeatures, Method
from spm.methods.otam.config import Config
from spm.nn.otam import alignment, frame_distance, sequence_distance
from spm.nn.prototypes import mean_over_class, pairs_over_class


class Otam(Method):
    """Classifies by distances of frame sequences; inductive, uses no texts."""

    def __init__(self, *, otam_lambda: float) -> None:
        super().__init__()
        self.otam_lambda = otam_lambda

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]."""
        distance = sequence_distance(episode.query, episode.support, lam=self.otam_lambda)
        return -mean_over_class(distance, episode.support_labels, num_classes=episode.num_classes)

    def explain(self, episode: EpisodeFeatures) -> Alignment:
        """Alignments of queries with supports [..., Q, S, T, T], averaged over each class."""
        distance = frame_distance(episode.query, episode.support).double()
        weights = alignment(distance, lam=self.otam_lambda)
        labels, classes = episode.support_labels, episode.num_classes
        of_classes = (
            pairs_over_class(pairs, labels, num_classes=classes) for pairs in (distance, weights)
        )
        return Alignment(*of_classes)


def build(config: Config, **_: object) -> Otam:
    """OTAM as `config` describes it, for features of any size."""
    return Otam(otam_lambda=config.otam_lambda)
