"""Prototypical networks (Snell et al., NeurIPS 2017) on video: frames are averaged first.

    z = mean over T of the frames
    euclidean    logits[q, n] = −‖z_q − mean of z_k over the supports k of class n‖²
    cosine       logits[q, n] = mean over the supports k of class n of z_q·z_k / (‖z_q‖‖z_k‖ + 0.01)

The order of the frames plays no part, which makes it the control without temporal information.
Both are public: the first is the paper's distance, the second what is run as "TSN" (its logits lie
within ±1, and so its cross entropy stays near log N).
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from typing import Literal

from torch import Tensor

from spm.methods.base import EpisodeFeatures, Method
from spm.methods.protonet.config import Config
from spm.nn.otam import cosine
from spm.nn.prototypes import class_means, mean_over_class


class ProtoNet(Method):
    """Distances of mean frames; inductive, without texts."""

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
    """The method of `config`, whatever the features' size."""
    return ProtoNet(variant=config.variant)
