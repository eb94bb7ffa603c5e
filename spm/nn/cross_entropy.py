"""The cross entropy of each episode of a batch."""

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean over queries, or clips: logits [..., Q, N], labels [..., Q] -> [...]."""
    log_p = F.log_softmax(logits, dim=-1)
    return -log_p.gather(-1, labels[..., None]).squeeze(-1).mean(dim=-1)
