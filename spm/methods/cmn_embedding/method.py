"""The multi-saliency embedding of CMN (Zhu and Yang, ECCV 2018), with class means as prototypes.

    a[t, j] = softmax over j of x_t·h_j / √C
    e_j     = Σ_t a[t, j] (x_t − h_j), to unit length
    z       = W [e_1 … e_J]
    logits[q, n] = −‖z_q − mean of z_k over the supports k of class n‖²

This is not CMN: its memory of labelled clips is not public, and prototypes stand in its place, as
public code has it. That code's W has a bias, which the difference of two z cancels.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `J` tokens, `C`
channels.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spm.methods.base import EpisodeFeatures, Method, QueryFeatures
from spm.methods.cmn_embedding.config import Config
from spm.nn.precision import at_least_float32
from spm.nn.prototypes import class_means

_START = 1e-8
"""Standard deviation of h at the start: the tokens' shares of a frame are alike."""


class CMNEmbedding(Method):
    """Classifies by distances of one vector a clip; inductive, uses no texts."""

    released_unused: ClassVar[tuple[str, ...]] = ("fc.bias",)

    def __init__(self, channels: int, *, tokens: int) -> None:
        super().__init__()
        self.h = nn.Parameter(_START * torch.randn(tokens, channels))
        self.fc = nn.Linear(tokens * channels, channels, bias=False)
        with torch.no_grad():  # the mean over the tokens
            self.fc.weight.copy_(torch.eye(channels).repeat(1, tokens) / tokens)

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]."""
        support, query = episode.prepared or (
            self.embed(episode.support),
            self.embed(episode.query),
        )
        labels, classes = episode.support_labels, episode.num_classes
        with at_least_float32(support, query) as (support, query):
            prototypes = class_means(support[..., None, :], labels, num_classes=classes)
            differences = query[..., :, None, :] - prototypes[..., None, :, 0, :]
            return -differences.square().sum(dim=-1)

    def prepare_query(self, features: Tensor) -> Tensor:
        """z of the clips, [clips, C], whether support or query."""
        return self.embed(features)

    def query_features(self, episode: EpisodeFeatures) -> QueryFeatures:
        """z of the queries, a sequence of one vector."""
        z = self.embed(episode.query) if episode.prepared is None else episode.prepared.query
        return QueryFeatures(z[..., None, :], "z, the multi-saliency embedding")

    def embed(self, frames: Tensor) -> Tensor:
        """z: frames [..., T, C] -> [..., C]."""
        shares = (frames @ self.h.T / frames.shape[-1] ** 0.5).softmax(dim=-1)  # [..., T, J]
        residuals = shares.transpose(-1, -2) @ frames - shares.sum(dim=-2)[..., None] * self.h
        out: Tensor = self.fc(F.normalize(residuals, dim=-1).flatten(-2))
        return out


def build(config: Config, *, channels: int, **_: object) -> CMNEmbedding:
    """CMN's embedding as `config` describes it, with random weights. channels: C."""
    return CMNEmbedding(channels, tokens=config.tokens)
