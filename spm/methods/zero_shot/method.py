"""A baseline that uses no supports: cosine of a query's mean frame with the class texts.

    logits[q, n] = cos(mean frame of q, text of class n)

`evaluate` measures it beside every model whose text tower is trained, on the model's features.
Shapes: `...` episodes, `N` classes, `Q` queries, `T` frames, `C` channels.
"""

from torch import Tensor

from spm.methods.base import EpisodeFeatures, Method
from spm.methods.zero_shot.config import Config
from spm.nn.class_text import required
from spm.nn.cosine import exact_cosine


class ZeroShotText(Method):
    """Classifies by class texts alone; inductive."""

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]. Raises ValueError for an episode without texts."""
        class_text = required(episode.class_text, by=Config.title)
        return exact_cosine(episode.query.mean(dim=-2), class_text)


def build(config: Config, **_: object) -> ZeroShotText:
    """The baseline, for features of any size."""
    return ZeroShotText()
