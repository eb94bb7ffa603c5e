"""OTAM: few-shot classification by ordered temporal alignment (Cao et al., CVPR 2020).

    logits[q, n] = − mean over the supports k of class n of d(q, k)

d adds the soft alignments of q onto k and of k onto q (spm.nn.otam), which may begin and end
anywhere. Distances are averaged over the supports, and not their features. Nothing is learned but
the tower. There is no official code; this is the form that later work runs: the cosine has 0.01 in
its denominator, and the soft minimum is λ log-sum-exp.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from torch import Tensor

from spm.methods.base import Alignment, EpisodeFeatures, Method
from spm.methods.otam.config import Config
from spm.nn.otam import alignment, frame_distance, sequence_distance
from spm.nn.prototypes import mean_over_class


class Otam(Method):
    """Distances of sequences; inductive, without texts."""

    def __init__(self, *, otam_lambda: float) -> None:
        super().__init__()
        self.otam_lambda = otam_lambda

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]."""
        distance = sequence_distance(episode.query, episode.support, lam=self.otam_lambda)
        return -mean_over_class(distance, episode.support_labels, num_classes=episode.num_classes)

    def explain(self, episode: EpisodeFeatures) -> Alignment:
        """The alignments of query and supports, [..., Q, S, T, T], as means over a class's."""
        distance = frame_distance(episode.query, episode.support).double()
        weights = alignment(distance, lam=self.otam_lambda)
        return Alignment(*(_of_classes(each, episode) for each in (distance, weights)))


def _of_classes(pairs: Tensor, episode: EpisodeFeatures) -> Tensor:
    """[..., Q, S, T, T] -> [..., Q, N, T, T]"""
    by_frame = pairs.movedim(-3, -1)  # [..., Q, T, T, S]
    means = mean_over_class(
        by_frame.flatten(-4, -2), episode.support_labels, num_classes=episode.num_classes
    )
    return means.reshape(*by_frame.shape[:-1], -1).movedim(-1, -3)


def build(config: Config, **_: object) -> Otam:
    """The method of `config`, whatever the features' size."""
    return Otam(otam_lambda=config.otam_lambda)
