"""Prototypical networks (Snell et al., NeurIPS 2017) on the mean frame of each video.

    z = mean over T of the frames
    euclidean    logits[q, n] = −‖z_q − mean of z_k over the supports k of class n‖²
    cosine       logits[q, n] = mean over the supports k of class n of z_q·z_k / (‖z_q‖‖z_k‖ + 0.01)

The logits do not depend on the order of frames, so ProtoNet is the control without temporal
information. Both variants are public: `euclidean` is the paper's distance, and public code runs
`cosine` as "TSN" (its logits lie within ±1, so its cross entropy stays near log N).
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from typing import Literal

from torch import Tensor

from spm.methods.base import EpisodeFeatures, Method
from spm.methods.protonet.config import Config
from spm.nn.cosine import cosine
from spm.nn.prototypes import class_means, mean_over_class


class ProtoNet(Method):
    """Classifies by distances of mean frames; inductive, uses no texts."""

    def __init__(self, *, variant: Literal["euclidean", "cosine"]) -> None:
        super().__init__()
        self.variant = variant

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]."""
        labels, classes = episode.support_labels, episode.num_classes
        query, support = episode.query.mean(dim=-2), episode.support.mean(dim=-2)
        if self.variant == "cosine":
            return mean_over_class(cosine(query, support), labels, num_classes=classes)
        prototypes = class_means(support[..., None, :], labels, num_classes=classes)
        return -(query[..., :, None, :] - prototypes[..., None, :, 0, :]).square().sum(dim=-1)


def build(config: Config, **_: object) -> ProtoNet:
    """ProtoNet as `config` describes it, for features of any size."""
    return ProtoNet(variant=config.variant)
