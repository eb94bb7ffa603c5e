"""Two classifiers without parameters, to measure the head against on the same features.

They take what ClipSPM.classify takes: support [..., S, T, C], support_labels [..., S],
query [..., Q, T, C], class_text [..., N, C]; they give logits [..., Q, N]. Both are inductive: a
query's logits do not depend on the other queries.
"""

from torch import Tensor
from torch.nn import functional as F

from spm.nn.prototypes import class_means

MEAN_POOLED_COSINE = "mean_pooled_cosine"
ZERO_SHOT_TEXT = "zero_shot_text"


def mean_pooled_cosine(
    support: Tensor, support_labels: Tensor, query: Tensor, class_text: Tensor
) -> Tensor:
    """Cosine of each query's mean frame with its class's mean support frame: blind to order."""
    num_classes = class_text.shape[-2]
    prototypes = class_means(support, support_labels, num_classes=num_classes).mean(dim=-2)
    return _cosine(query.mean(dim=-2), prototypes)


def zero_shot_text(
    support: Tensor, support_labels: Tensor, query: Tensor, class_text: Tensor
) -> Tensor:
    """Cosine of each query's mean frame with the class texts; the supports are not used.

    Says something only where the text tower is trained.
    """
    return _cosine(query.mean(dim=-2), class_text)


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    """[..., Q, C], [..., N, C] -> [..., Q, N]"""
    return F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).transpose(-1, -2)
