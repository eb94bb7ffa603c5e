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
from spm.nn.prototypes import mean_over_class


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
        return Alignment(*(_of_classes(each, episode) for each in (distance, weights)))


def _of_classes(pairs: Tensor, episode: EpisodeFeatures) -> Tensor:
    """Means over the supports of each class: [..., Q, S, T, T] -> [..., Q, N, T, T]."""
    by_frame = pairs.movedim(-3, -1)  # [..., Q, T, T, S]
    means = mean_over_class(
        by_frame.flatten(-4, -2), episode.support_labels, num_classes=episode.num_classes
    )
    return means.reshape(*by_frame.shape[:-1], -1).movedim(-1, -3)


def build(config: Config, **_: object) -> Otam:
    """OTAM as `config` describes it, for features of any size."""
    return Otam(otam_lambda=config.otam_lambda)
