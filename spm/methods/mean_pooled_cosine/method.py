"""A baseline without parameters and without temporal order: cosine of mean frames.

    logits[q, n] = cos(mean frame of q, mean over the frames of class n's mean support)

`evaluate` measures it beside every model, on the model's features.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from torch import Tensor
from torch.nn import functional as F

from spm.methods.base import EpisodeFeatures, Method
from spm.methods.mean_pooled_cosine.config import Config
from spm.nn.prototypes import class_means


class MeanPooledCosine(Method):
    """Classifies by cosines of mean frames; inductive, uses no texts."""

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]."""
        prototypes = class_means(
            episode.support, episode.support_labels, num_classes=episode.num_classes
        )
        query, prototypes = (
            F.normalize(x.mean(dim=-2), dim=-1) for x in (episode.query, prototypes)
        )
        return query @ prototypes.transpose(-1, -2)


def build(config: Config, **_: object) -> MeanPooledCosine:
    """The baseline, for features of any size."""
    return MeanPooledCosine()
