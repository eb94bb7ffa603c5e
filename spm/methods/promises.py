"""Asks a built method for what it promises, before hours of work: one sentence for each breach.

A copy of the method is asked on the CPU, about small random episodes: neither the method nor the
random state of the caller changes. Shapes: `B` episodes, `N` classes, `S` supports, `Q` queries,
`T` frames, `C` channels.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spm.base.errors import ConfigError
from spm.methods.base import EpisodeFeatures, EpisodePixels, Losses, Method, Prepared, prepare

_TOLERANCE = 1e-3
"""Of the spread of the logits. Rounding in float32 is a hundredth of it or less."""


@dataclass(frozen=True)
class Sizes:
    """What the method was built for."""

    num_frames: int
    """T"""
    frame: tuple[int, ...]
    """The shape of one frame's features: (C,), or (C, H, W) for maps."""
    text: int
    """Channels of a class's text."""
    shot: int = 1
    way: int = 3
    query: int = 3
    """Queries of a class."""
    episodes: int = 2
    image_size: int = 0
    """Side of the frames' pixels for a method whose losses need them; else 0."""


def check_logits(method: Method, sizes: Sizes, *, name: str) -> None:
    """Raises ConfigError if `classify` breaks a promise. name: the method's, in params.yaml."""
    asked = _Asked(name)
    with _alone(method) as copy, torch.no_grad():
        copy.eval()
        episode = _episode(sizes)
        given = [each.clone() for each in _tensors(episode)]
        logits = copy.classify(episode)
        asked.unchanged(given, _tensors(episode), by="classify")
        asked.logits(logits, episode, by="classify")
        order = torch.arange(episode.query.shape[1]).roll(1)
        moved = copy.classify(episode._replace(query=episode.query[:, order]))
        asked.same(
            moved,
            logits[:, order],
            "the logits of queries depend on the order in which the queries stand (a query's place "
            "tells its class): classify must give each query the same logits at any place",
        )
        if not method.transductive:
            queries = torch.split(episode.query, 1, dim=1)
            alone = [copy.classify(episode._replace(query=each)) for each in queries]
            asked.same(
                torch.cat(alone, dim=1),
                logits,
                "a query's logits depend on the other queries of its episode, and the method has "
                "transductive = False, so that its accuracy would be published as inductive: set "
                "transductive = True and say so in `protocol`, or classify each query on its own",
            )
        prepared = _prepared(copy, episode)
        if prepared is not None:
            asked.same(
                copy.classify(prepared),
                logits,
                "what prepare_query and prepare_support made gives other logits than the clips "
                "themselves: classify must give the same with EpisodeFeatures.prepared and without",
            )


def check_losses(
    method: Method, sizes: Sizes, *, name: str, train_classes: int | None = None
) -> None:
    """Raises ConfigError if `losses` cannot be trained with. name: as in `check_logits`."""
    asked = _Asked(name)
    with _alone(method) as copy, torch.enable_grad():
        copy.train()
        episode = _episode(sizes)
        features = [each.requires_grad_() for each in (episode.support, episode.query)]
        episode = episode._replace(support=features[0].clone(), query=features[1].clone())
        labels, given = _training(episode, sizes, train_classes=train_classes)
        tensors = [*_tensors(episode), labels, *_tensors(given.values())]
        before = [each.detach().clone() for each in tensors]
        losses = copy.losses(episode, labels, **given)
        asked.unchanged(before, tensors, by="losses")
        asked.losses(losses, copy, episode)
        losses.total.sum().backward()  # type: ignore[no-untyped-call]
        gradients = [each.grad for each in (*copy.parameters(), *features)]
        if not all(each.isfinite().all() for each in gradients if each is not None):
            asked.refuse(
                "the gradient of losses' total is not finite (NaN or infinite) at the start: look "
                "for a root, a logarithm or a division at 0 in losses"
            )


class _Asked:
    """Refusals, which name the method."""

    def __init__(self, name: str) -> None:
        self.name = name

    def refuse(self, said: str) -> None:
        raise ConfigError(f"the method {self.name}: {said} (spm/methods/{self.name}/method.py)")

    def unchanged(self, before: list[Tensor], after: list[Tensor], *, by: str) -> None:
        if not all(map(torch.equal, before, after)):
            self.refuse(
                f"{by} changes what it is given in place, and the baselines get the same tensors: "
                "make a new tensor instead (x = x + y, not x += y)"
            )

    def logits(self, logits: Any, episode: EpisodeFeatures, *, by: str) -> None:
        expected = [*episode.query.shape[:2], episode.num_classes]
        form = f"logits [episodes, queries, classes], here {expected}, floats"
        if not isinstance(logits, Tensor):
            self.refuse(f"{by} returns {_kind(logits)}: it must return a tensor of {form}")
        if list(logits.shape) != expected:
            self.refuse(f"{by} returns a tensor of shape {list(logits.shape)}: it must be {form}")
        if not logits.is_floating_point():
            self.refuse(f"{by} returns logits of {logits.dtype}: they must be {form}")
        if not logits.isfinite().all():
            self.refuse(
                f"{by} returns logits that are not finite (NaN or infinite) for random features: "
                "look for a root, a logarithm or a division at 0"
            )

    def same(self, found: Tensor, expected: Tensor, said: str) -> None:
        spread = expected.max() - expected.min()
        allowed = _TOLERANCE * spread + 1e-5 * expected.abs().max()
        if found.shape != expected.shape or (found - expected).abs().max() > allowed:
            self.refuse(said)

    def losses(self, losses: Any, method: Method, episode: EpisodeFeatures) -> None:
        if not isinstance(losses, Losses):
            self.refuse(f"losses returns {_kind(losses)}: it must return spm.methods.base.Losses")
        self.logits(losses.logits, episode, by="losses")
        if tuple(losses.terms) != method.terms:
            self.refuse(
                f"losses returns the terms {', '.join(losses.terms) or 'none'}: the class names "
                f"its terms {', '.join(method.terms)}, in this order"
            )
        parts = {"total": losses.total, "regularizers": losses.regularizers} | losses.terms
        expected = [len(episode.query)]
        for part, value in parts.items():
            if not isinstance(value, Tensor) or list(value.shape) != expected:
                self.refuse(
                    f"losses returns {_kind(value)} as {part}: it must be one value an episode, a "
                    f"tensor of shape [episodes], here {expected}; a mean over queries is .mean(-1)"
                )
            if not value.isfinite().all():
                self.refuse(f"losses returns a {part} that is not finite (NaN or infinite)")
        if not losses.total.requires_grad:
            self.refuse(
                "losses returns a total without a gradient, so that nothing would be trained: it "
                "must come of the features without detach, no_grad, argmax or item"
            )


def _kind(value: Any) -> str:
    return (
        f"a tensor of shape {list(value.shape)}"
        if isinstance(value, Tensor)
        else f"None instead of a {Tensor.__name__}"
        if value is None
        else type(value).__name__
    )


@contextmanager
def _alone(method: Method) -> Iterator[Method]:
    """A copy of the method on the CPU. Random numbers that it draws are drawn for nobody else."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield deepcopy(method).cpu().float()


def _episode(sizes: Sizes) -> EpisodeFeatures:
    """Random features in a batch of episodes."""
    clip = (sizes.num_frames, *sizes.frame)
    labels = torch.arange(sizes.way).repeat_interleave(sizes.shot)
    return EpisodeFeatures(
        torch.randn(sizes.episodes, len(labels), *clip),
        labels.expand(sizes.episodes, -1).contiguous(),
        torch.randn(sizes.episodes, sizes.way * sizes.query, *clip),
        torch.randn(sizes.episodes, sizes.way, sizes.text),
        sizes.way,
    )


def _training(
    episode: EpisodeFeatures, sizes: Sizes, *, train_classes: int | None
) -> tuple[Tensor, dict[str, Any]]:
    """The labels of the queries, and what else training gives to `losses`."""
    ways, episodes = torch.arange(sizes.way), sizes.episodes
    labels = ways.repeat_interleave(sizes.query).expand(episodes, -1).contiguous()
    classes = ways.expand(episodes, -1).contiguous()
    given: dict[str, Any] = {
        "classes": classes,
        "all_text": torch.randn(max(train_classes or 0, sizes.way), sizes.text),
    }
    if sizes.image_size:
        image = (sizes.num_frames, 3, sizes.image_size, sizes.image_size)
        sides = (episode.support, episode.query)
        given["pixels"] = EpisodePixels(*(torch.randn(*each.shape[:2], *image) for each in sides))
    return labels, given


def _tensors(values: Any) -> list[Tensor]:
    """The tensors among the values, and in the tuples among them."""
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple):
            found += _tensors(value)
    return found


def _prepared(method: Method, episode: EpisodeFeatures) -> EpisodeFeatures | None:
    """The episode of clips that were prepared, as evaluation makes it; None if none are."""
    assert episode.class_text is not None
    labels = episode.support_labels
    texts = episode.class_text.take_along_dim(labels[..., None], dim=1).flatten(0, 1)
    clips = [side.flatten(0, 1) for side in (episode.support, episode.query)]
    of_support = prepare(method, clips[0], texts)
    of_query = prepare(method, clips[1], texts[:1].expand(len(clips[1]), -1))
    if of_support is None or of_query is None:
        return None
    sides = (of_support.support, of_query.query)
    prepared = Prepared(*(side.reshape(len(labels), -1, *side.shape[1:]) for side in sides))
    if episode.query.dim() == 6:  # an episode of prepared clips holds no maps
        support, query = (side.mean(dim=(-2, -1)) for side in (episode.support, episode.query))
        episode = episode._replace(support=support, query=query)
    return episode._replace(prepared=prepared)
