"""Bi-MHM: few-shot classification by the bidirectional mean Hausdorff distance of frames.

    D[t, t'] = 1 − cos(q_t, k_t')
    d(q, k)  = Σ_t min_t' D + Σ_t' min_t D
    logits[q, n] = − mean over the supports k of class n of d(q, k)

The metric of HyRSM (Wang et al., CVPR 2022) on the tower's features, without HyRSM's attention. A
clip is a set: the order of its frames plays no part. A class's distance is the mean over its
supports; the supports' features are not averaged. Only the tower is trained.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from einops import rearrange
from torch import Tensor

from spm.methods.base import Alignment, EpisodeFeatures, Method
from spm.methods.bi_mhm.config import Config
from spm.nn.prototypes import mean_over_class, pairs_over_class
from spm.nn.set_distance import Reduction, bi_mhm, exact_frame_distance, matches


class BiMHM(Method):
    """Classifies by distances of frame sets; inductive, uses no texts."""

    def __init__(self, *, frame_reduction: Reduction) -> None:
        super().__init__()
        self.frame_reduction = frame_reduction

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]."""
        distance = bi_mhm(_frame_distance(episode), reduction=self.frame_reduction)
        return -mean_over_class(distance, episode.support_labels, num_classes=episode.num_classes)

    def explain(self, episode: EpisodeFeatures) -> Alignment:
        """Nearest frames of queries and supports [..., Q, S, T, T], averaged over each class."""
        distance = _frame_distance(episode)
        weights = matches(distance, reduction=self.frame_reduction)
        labels, classes = episode.support_labels, episode.num_classes
        of_classes = (
            pairs_over_class(pairs, labels, num_classes=classes) for pairs in (distance, weights)
        )
        return Alignment(*of_classes)


def _frame_distance(episode: EpisodeFeatures) -> Tensor:
    """D of every query with every support, [..., Q, S, T, T]."""
    distance = exact_frame_distance(episode.query.flatten(-3, -2), episode.support)
    return rearrange(distance, "... s (q t) u -> ... q s t u", t=episode.query.shape[-2])


def build(config: Config, **_: object) -> BiMHM:
    """Bi-MHM as `config` describes it, for features of any size."""
    return BiMHM(frame_reduction=config.frame_reduction)
