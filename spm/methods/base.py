"""What a method is: all that lies behind the visual tower.

    clips ─ tower ─ EpisodeFeatures ─ Method ─┬─ logits                     (classify)
                                              └─ Losses, with query labels  (losses: training)

Each method has a folder beside this file: `config.py`, the section `model` of params.yaml;
`values.yaml`, that section's values; `method.py`, the method and `build`, which makes it of the
section. Training, evaluation, prediction and the report go through this interface and name none.

Shapes: `...` episodes, `N` classes (way), `S` support clips, `Q` query clips, `T` frames, `C`
channels.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EpisodeFeatures(NamedTuple):
    """The features of an episode's clips. It holds no label of a query."""

    support: Tensor
    """[..., S, T, C]; [..., S, T, C, H, W] of a method that needs maps."""
    support_labels: Tensor
    """[..., S] int64 in 0..N-1. Classes may have different numbers of supports."""
    query: Tensor
    """[..., Q, T, C], or with maps as `support`."""
    class_text: Tensor | None
    """[..., N, C]; None where the tower has no text."""
    num_classes: int
    """N"""
    prepared: "Prepared | None" = None
    """What `Method.prepare` made of these clips; None where nothing was prepared."""


class Prepared(NamedTuple):
    """What a method makes of each clip by itself, whatever episode it is in. Evaluation computes it
    once a clip, and not once for each of its thousands of episodes."""

    support: Tensor
    """[..., S, …], or [clips, …] of a table of clips: of a clip as a support of its class."""
    query: Tensor
    """[..., Q, …], or [clips, …]: of a clip as a query."""


class Losses(NamedTuple):
    """One value an episode, [...] each."""

    total: Tensor
    """L, what training minimises."""
    regularizers: Tensor
    """What of L is not L_CE, weighted as in L."""
    terms: dict[str, Tensor]
    """`Method.terms` by name, not weighted: columns of the learning curves."""
    logits: Tensor
    """[..., Q, N]"""


class Alignment(NamedTuple):
    """How the frames of queries and classes were matched: what the report draws."""

    distance: Tensor
    """[..., Q, N, T, T']: between frame t of the query and t' of the class's prototype."""
    weights: Tensor
    """As `distance`: how much the pair counts in the distance of query and class."""


class Method(nn.Module):
    """A few-shot classifier over the features of an episode."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE",)
    """Names of the terms of its loss; L_CE, the mean cross entropy over queries, is always one."""
    released_other_prefixes: ClassVar[tuple[str, ...]] = ("backbone.",)
    """How the tensors of its public release begin that are not the method's own."""
    transductive: bool = False
    """Whether a query's logits depend on the episode's other queries."""

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]; the larger, the closer. Their softmax over N is p."""
        raise NotImplementedError

    def classify_each(self, episode: EpisodeFeatures) -> Tensor:
        """As `classify`, each query as if it were alone in its episode: inductive, [..., Q, N]."""
        if not self.transductive:
            return self.classify(episode)
        alone = torch.split(episode.query, 1, dim=episode.support_labels.dim() - 1)
        return torch.cat([self.classify(episode._replace(query=one)) for one in alone], dim=-2)

    def protocol(self, *, queries: int, shot: int) -> str:
        """How the `queries` of an episode see each other, in words: said beside every accuracy."""
        return "inductive: each query is classified on its own"

    def prepare(self, features: Tensor, texts: Tensor | None) -> Prepared | None:
        """Of clips [clips, T, C] and the texts of their classes [clips, C]: see `Prepared`.

        `classify` of an episode with it is `classify` of one without, to rounding. None, for most
        methods: nothing is worth it.
        """
        return None

    def losses(
        self,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        classes: Tensor | None = None,
        all_text: Tensor | None = None,
    ) -> Losses:
        """The loss of each episode: L_CE alone, unless a method has more terms.

        The only place that sees query_labels [..., Q]. classes [..., N]: the episode's classes as
        positions among the training classes, whose texts are all_text [training classes, C]; for
        methods that learn something of each training class.
        """
        logits = self.classify(episode)
        loss = cross_entropy(logits, query_labels)
        return Losses(loss, torch.zeros_like(loss), {"L_CE": loss}, logits)

    def explain(self, episode: EpisodeFeatures) -> Alignment | None:
        """None for a method that matches no frames."""
        return None

    @staticmethod
    def released_name(name: str) -> str:
        """What the public release calls the method's tensor `name`."""
        return name


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """L_CE, the mean over queries: logits [..., Q, N], labels [..., Q] -> [...]."""
    log_p = F.log_softmax(logits, dim=-1)
    return -log_p.gather(-1, labels[..., None]).squeeze(-1).mean(dim=-1)
