"""The interface of a few-shot method: what follows the visual tower, from features to logits.

    clips ─ tower ─ EpisodeFeatures ─ Method ─┬─ logits                     (classify)
                                              └─ Losses, with query labels  (losses: training)

Each method is a folder beside this file. `config.py` declares the section `model` of params.yaml,
`values.yaml` holds the section's values, and `method.py` holds the method and `build`, which
makes the method from the section. spm.methods.registry calls `build` after it has set the random
seed to the section's `seed`. Training, evaluation, prediction and the report use this interface
alone and never name a method.

Shapes: `...` episodes, `N` classes (way), `S` support clips, `Q` query clips, `T` frames, `C`
channels.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.nn.cross_entropy import cross_entropy as cross_entropy


class EpisodeFeatures(NamedTuple):
    """The features of an episode's clips, without the labels of its queries."""

    support: Tensor
    """[..., S, T, C]; [..., S, T, C, H, W] for a method that needs maps. Once its clips are
    prepared, such a method finds the means over positions here, [..., S, T, C]."""
    support_labels: Tensor
    """[..., S] int64 in 0..N-1. Every class has a support: without one, logits are NaN, and only
    FewShotModel checks. Classes may have different numbers of supports."""
    query: Tensor
    """[..., Q, T, C], or as `support`."""
    class_text: Tensor | None
    """[..., N, C]; None if the backbone has no text tower."""
    num_classes: int
    """N"""
    prepared: "Prepared | None" = None
    """The result of `prepare` for these clips; None if the clips were not prepared."""


class Prepared(NamedTuple):
    """The part of a method's work that depends on one clip alone, and not on the episode.

    Evaluation computes this part once per clip instead of once per episode. Where both fields are
    the same tensor, evaluation keeps one.
    """

    support: Tensor
    """The clip used as a support of its class: [..., S, …] in an episode, [clips, …] before."""
    query: Tensor
    """The clip used as a query: [..., Q, …] in an episode, [clips, …] before."""

    @property
    def nbytes(self) -> int:
        """Bytes that both fields take."""
        same = self.query is self.support
        return self.support.nbytes + (0 if same else self.query.nbytes)


class EpisodePixels(NamedTuple):
    """The clips of an episode as the tower takes them: float, normalised by the tower's mean and
    standard deviation."""

    support: Tensor
    """[..., S, T, 3, H, W]"""
    query: Tensor
    """[..., Q, T, 3, H, W]"""


class Losses(NamedTuple):
    """The losses of each episode: one value per episode [...], except `logits`."""

    total: Tensor
    """L, the loss that training minimises."""
    regularizers: Tensor
    """The part of L that is no mean over queries. `train.loss: sum` multiplies the rest of L by Q
    and divides it by train.accumulate, and adds this part as it is."""
    terms: dict[str, Tensor]
    """Each of `Method.terms` by name, not weighted: columns of the learning curves."""
    logits: Tensor
    """[..., Q, N]"""


class Alignment(NamedTuple):
    """How a method matched the frames of queries and classes. The report draws it."""

    distance: Tensor
    """[..., Q, N, T, T']: distance of frame t of the query and frame t' of the class prototype."""
    weights: Tensor
    """[..., Q, N, T, T']: weight of this pair of frames in the distance of query and class."""


class QueryFeatures(NamedTuple):
    """What a method makes of queries before it compares them. The report maps it."""

    features: Tensor
    """[..., Q, T', C']: a sequence of vectors for each query, one for each frame as a rule. Those
    of a query do not depend on the other queries."""
    what: str
    """Which features these are, in words: "f^SPM, after SPM"."""


class Method(nn.Module):
    """A few-shot classifier over the features of an episode."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE",)
    """Names of the loss terms. L_CE, the mean cross entropy of the logits, is always the first."""
    released_other_prefixes: ClassVar[tuple[str, ...]] = ("backbone.",)
    """Name prefixes of the tensors in the public release that belong to the tower, to nothing, or
    to a part that the method has with some values only, as a classifier of training classes."""
    released_unused: ClassVar[tuple[str, ...]] = ()
    """Patterns (fnmatch: `*.norm_v.*`) of the names of tensors that the public release holds and
    that enter nothing it computes. The method has no such tensor."""
    training_heads: ClassVar[tuple[str, ...]] = ()
    """Patterns (fnmatch: `classifier.*`), one a head, of the names of tensors that training losses
    alone use and that the method has with some values only. A model may start from one with another
    such head, or without."""
    transductive: bool = False
    """Whether a query's logits depend on the episode's other queries."""
    ordered_support: ClassVar[bool] = False
    """Whether the order of a class's supports matters."""
    unequal_shots: ClassVar[bool] = True
    """Whether the classes of an episode may have different numbers of supports."""

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]: the closer query and class, the larger. p is their softmax over N."""
        raise NotImplementedError

    def classify_each(self, episode: EpisodeFeatures) -> Tensor:
        """Inductive logits [..., Q, N]: `classify` of each query as the only one of its episode."""
        if not self.transductive:
            return self.classify(episode)
        alone = torch.split(episode.query, 1, dim=episode.support_labels.dim() - 1)
        return torch.cat([self.classify(episode._replace(query=one)) for one in alone], dim=-2)

    def protocol(self, *, queries: int, shot: int) -> str:
        """In words, whether an episode's queries influence each other; shown with every accuracy.

        queries: Q; shot: supports per class.
        """
        return "inductive: each query is classified on its own"

    def prepare_query(self, features: Tensor) -> Tensor | None:
        """Prepares clips as queries: features [clips, T, C] -> [clips, …]. No text: a query's class
        is what is asked.

        `classify` gives the same logits, to rounding, with and without `EpisodeFeatures.prepared`.
        Of maps, everything that it uses is prepared: an episode of prepared clips holds no maps.
        The default, None: the method has no work that depends on one clip alone.
        """
        return None

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        """Prepares the same clips as supports of their classes: [clips, …].

        as_query: what `prepare_query` made of them, not to be changed in place; texts [clips, C]:
        of the clips' own classes, None if the backbone has no text tower. The default, `as_query`
        itself: a clip is prepared alike for both sides.
        """
        return as_query

    def losses(
        self,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        classes: Tensor | None = None,
        all_text: Tensor | None = None,
        pixels: EpisodePixels | None = None,
    ) -> Losses:
        """The loss of each episode. The default is L_CE alone.

        Only this method sees query_labels [..., Q]. classes [..., N] are positions among the
        training classes, all_text [training classes, C] holds the texts of the training classes;
        both serve methods that classify among the training classes. pixels are the clips
        themselves, None where the tower's features were stored.
        """
        logits = self.classify(episode)
        loss = cross_entropy(logits, query_labels)
        return Losses(loss, torch.zeros_like(loss), {"L_CE": loss}, logits)

    def explain(self, episode: EpisodeFeatures) -> Alignment | None:
        """The alignment of frames [..., Q, N, T, T']; None if the method aligns no frames."""
        return None

    def query_features(self, episode: EpisodeFeatures) -> QueryFeatures | None:
        """What `classify` compares of the queries, each as if it were alone in its episode.

        Class texts enter as in `classify`: all of the episode's alike, since a query's class is
        unknown. The default, None: the method compares the tower's features as they are, or makes
        nothing of a query that is one sequence of vectors.
        """
        return None

    @staticmethod
    def released_name(name: str) -> str:
        """The name of the method's tensor `name` in the public release."""
        return name


def prepare(method: Method, features: Tensor, texts: Tensor | None) -> Prepared | None:
    """What `method` prepares of clips: features [clips, T, C], texts [clips, C] of their classes.

    A clip is prepared as a query before its text is there, since a query's text is the answer.
    None: the method prepares nothing. Raises ConfigError if preparing a support changes the clip,
    or the query that was made of it, in place: the text would be in the query.
    """
    as_query = method.prepare_query(features)
    if as_query is None:
        return None
    before = features._version, as_query._version
    support = method.prepare_support(features, as_query, texts)
    if (features._version, as_query._version) != before:
        raise ConfigError(
            f"{type(method).__name__}.prepare_support changes its arguments in place, so that the "
            "text of a clip's class would be in the clip as a query: make a new tensor instead "
            "(x = x + y, not x += y)"
        )
    return Prepared(support, as_query)
