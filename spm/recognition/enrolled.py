"""Classes that a recognizer was shown, as the supports of an episode.

Shapes: `N` classes, `K` examples of a class, `S` examples of all classes, `Q` queries, `T` frames,
`C` channels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spm.methods.base import EpisodeFeatures
from spm.model.model import FewShotModel
from spm.model.text_controls import controlled


@dataclass(frozen=True)
class EnrolledClass:
    """What a recognizer keeps of one class."""

    name: str
    clips: list[str]
    """[K] the examples, as their paths were given."""
    features: Tensor
    """[K, T, *feature_shape] of the examples, on the CPU."""
    words: str
    """The class as it stands in a sentence; "" where a vector was given."""
    text: Tensor | None
    """[C] on the CPU, no control applied; None for a method that takes no texts, or a tower that
    has none."""
    seconds: Sequence[float | None] = ()
    """[K] how long each example is, None where it does not say; empty: an older recognizer, which
    kept none."""

    def __len__(self) -> int:
        """K"""
        return len(self.features)

    def without(self, number: int) -> "EnrolledClass":
        """The class without one of its examples."""
        kept = [each for each in range(len(self)) if each != number]
        return replace(
            self,
            clips=[self.clips[each] for each in kept],
            features=self.features[kept],
            seconds=[self.seconds[each] for each in kept] if self.seconds else (),
        )


def episode_of(
    model: FewShotModel, classes: Sequence[EnrolledClass], query: Tensor
) -> EpisodeFeatures:
    """The episode of these classes, sorted by name, and queries [Q, T, *feature_shape]."""
    labels = torch.arange(len(classes)).repeat_interleave(torch.tensor([*map(len, classes)]))
    texts = [each.text for each in classes if each.text is not None]
    control = model.config.prompts.control
    return EpisodeFeatures(
        torch.cat([each.features for each in classes]).to(query),
        labels.to(query.device),
        query,
        controlled(torch.stack(texts), control).to(query) if texts else None,
        len(classes),
    )


def left_out(
    model: FewShotModel, classes: Sequence[EnrolledClass]
) -> Iterator[tuple[bool, EpisodeFeatures]]:
    """Episodes in which the classes' own examples are the queries.

    False: all examples of a class, asked of the others, where these are two or more. True: an
    example, asked of all classes without that example, where its class has three or more; not for a
    method that takes the same number of examples of each class.
    """
    for number, each in enumerate(classes):
        others = [*classes[:number], *classes[number + 1 :]]
        if len(others) > 1:
            yield False, episode_of(model, others, each.features.to(_like(model)))
        if len(each) > 2 and model.method.unequal_shots:
            for example in range(len(each)):
                kept = [*classes]
                kept[number] = each.without(example)
                query = each.features[example][None].to(_like(model))
                yield True, episode_of(model, kept, query)


def _like(model: FewShotModel) -> Tensor:
    return next(model.parameters())
