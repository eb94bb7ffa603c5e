"""Measures few-shot accuracy: encodes every clip once, then runs many episodes on the features.

    clips ─ encode_clips ─ EncodedClips [clips, T, C] ─ prepare_clips ─ measure ─ Measurement [E, Q]

The visual tower is frozen in evaluation, so 10,000 episodes run only the method 10,000 times.
Shapes: `B` episodes of a batch, `E` all episodes, `N` way, `S` supports, `Q` queries, `T` frames,
`C` channels.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spm.base.errors import DataError
from spm.base.progress import progress_bar
from spm.episodes.ranks import ALONE, Ranks
from spm.episodes.sampler import Episode, EpisodeSampler
from spm.episodes.training_data import read_clips
from spm.features.store import ClipStore
from spm.methods.base import EpisodeFeatures, Prepared, prepare
from spm.model.model import FewShotModel

Ints = NDArray[np.int64]
Logits = NDArray[np.float32]

_CLIPS_AT_ONCE = 16
_PREPARED_AT_ONCE = 64


@dataclass(frozen=True)
class EncodedClips:
    """The features of some clips of a frame store."""

    features: Tensor
    """[clips, T, C]; [clips, T, C, H, W] for a method that needs maps, until they are prepared."""
    clips: Ints
    """[clips], the clip numbers, ascending."""
    prepared: Prepared | None = None
    """The result of `prepare` for these clips; None if the clips were not prepared."""
    once = True

    def of(self, clips: Ints) -> "EncodedClips":
        """These clips with others: the table as it is."""
        return self

    def rows(self, clips: Ints) -> Tensor:
        """Clip numbers of any shape [...] -> their rows in `features`."""
        return torch.from_numpy(np.searchsorted(self.clips, clips)).to(self.features.device)


class Clips(Protocol):
    """Clips that `measure` draws episodes of: EncodedClips, or ClipsOnDemand."""

    @property
    def once(self) -> bool:
        """Whether each clip is encoded once, and not again for each batch of episodes."""

    def of(self, clips: Ints) -> EncodedClips:
        """A table that holds these clips; clip numbers, ascending."""


class OpenScores(NamedTuple):
    """Score name (spm.episodes.open_set) -> its values, in episodes 0 … E - 1; and the classes of
    the unknown queries, as positions in the split's class names."""

    known: dict[str, NDArray[np.float64]]
    """[E, N], of queries whose class is in the episode, one of each class."""
    unknown: dict[str, NDArray[np.float64]]
    """[E, u], of queries of other classes."""
    actual: Ints
    """[E, u], the classes that these queries are of."""
    taken_for: Ints
    """[E, u], the classes of their episodes that they are taken for, each query alone."""


Classifier = Callable[[EpisodeFeatures], Tensor]
"""Episodes -> logits [B, Q, N]: a method's `classify` or `classify_each`."""


def on_vectors(classify: Classifier) -> Classifier:
    """Wraps a `classify` that takes vectors [..., T, C]: averages maps [..., T, C, H, W] first."""

    def on_batch(episode: EpisodeFeatures) -> Tensor:
        leading = episode.support_labels.dim()
        sides = (episode.support, episode.query)
        support, query = (_vectors(each, leading=leading) for each in sides)
        return classify(episode._replace(support=support, query=query))

    return on_batch


def _vectors(features: Tensor, *, leading: int) -> Tensor:
    """[..., T, C]; the means over positions of maps. leading: number of dimensions before T."""
    return features if features.dim() == leading + 2 else features.mean(dim=(-2, -1))


def prepare_clips(
    model: FewShotModel,
    encoded: EncodedClips,
    *,
    classes: Mapping[str, Ints],
    class_text: Tensor | None,
) -> EncodedClips:
    """Adds the result of `prepare` to `encoded`; returns `encoded` if the method has none.

    Beside it, maps are no longer needed but by baselines, which take the means over positions. Only
    these stay: an episode would gather megabytes a clip otherwise.

    classes: name -> clip numbers; class_text [classes, C], classes sorted by name.
    """
    texts = _texts_of_clips(encoded, classes, class_text)
    parts = []
    with torch.no_grad():
        for start in range(0, len(encoded.clips), _PREPARED_AT_ONCE):
            rows = slice(start, start + _PREPARED_AT_ONCE)
            own = None if texts is None else texts[rows]
            part = prepare(model.method, encoded.features[rows], own)
            if part is None:
                return encoded
            parts.append(part)
    vectors = _vectors(encoded.features, leading=1)
    return replace(encoded, features=vectors, prepared=_joined(parts))


def _joined(parts: Sequence[Prepared]) -> Prepared:
    """The clips of all parts, in one tensor where each part is one tensor for both sides."""
    support = torch.cat([part.support for part in parts])
    if all(part.query is part.support for part in parts):
        return Prepared(support, support)
    return Prepared(support, torch.cat([part.query for part in parts]))


def _texts_of_clips(
    encoded: EncodedClips, classes: Mapping[str, Ints], class_text: Tensor | None
) -> Tensor | None:
    """The text of each clip's class, [clips, C]."""
    if class_text is None:
        return None
    texts = encoded.features.new_empty(len(encoded.clips), class_text.shape[-1])
    for name, text in zip(sorted(classes), class_text, strict=True):
        texts[encoded.rows(np.intersect1d(classes[name], encoded.clips))] = text.to(texts)
    return texts


@dataclass(frozen=True)
class Measurement:
    """Actual and predicted classes of E episodes. A class is its position in `class_names`."""

    class_names: list[str]
    actual: Ints
    """[E, Q]"""
    predicted: dict[str, Ints]
    """Classifier's name -> [E, Q]; fewer rows for a classifier that ran the first episodes only."""
    logits: dict[str, Logits] = field(default_factory=dict)
    """Classifier's name -> [E, Q, N], for the classifiers whose logits were kept."""
    encoded_once: bool = True
    """Whether each clip was encoded once, and not again for each batch of episodes."""
    open_set: OpenScores | None = None
    """Scores of queries of the episodes' classes and of others; None: not measured."""


def encode_clips(
    model: FewShotModel,
    store: ClipStore,
    *,
    clips: Ints,
    ranks: Ranks = ALONE,
    progress: bool = True,
) -> EncodedClips:
    """The features of `clips`: middle sample of each segment, centre crop. `model` in eval mode.

    Of stored features only the trained part of the tower is computed. Each rank encodes its share
    of the clips; every rank returns the features of all clips.
    """
    clips = np.unique(clips)
    like = next(model.parameters())
    features = like.new_zeros(len(clips), store.num_frames, *model.feature_shape)
    own = np.arange(ranks.number, len(clips), ranks.count)
    starts = range(0, len(own), _CLIPS_AT_ONCE)
    shown = None if progress and ranks.first else True
    with torch.no_grad():
        for start in progress_bar(starts, desc="encode", unit="batch", disable=shown):
            rows = own[start : start + _CLIPS_AT_ONCE]
            read = read_clips(store, clips[rows], size=model.image_size).to(like.device)
            features[torch.from_numpy(rows)] = model.encode(read)
        ranks.sum_([features])
    return EncodedClips(features, clips)


def measure(
    classifiers: dict[str, Classifier],
    *,
    encoded: Clips,
    sampler: EpisodeSampler,
    class_text: Tensor | None,
    episodes: int,
    batch: int,
    keep_logits: Collection[str] = (),
    ranks: Ranks = ALONE,
    progress: bool = True,
) -> Measurement:
    """Runs episodes 0 … `episodes` - 1 through each classifier, `batch` at a time.

    class_text [classes, C], in the order of sampler.class_names; None if the backbone has no text
    tower. Classifiers never see the labels of queries. keep_logits: names of the classifiers whose
    logits are returned too. Each rank runs its share of the batches; every rank returns the
    predictions of all episodes. Raises DataError for logits that are not finite.
    """
    shape = (episodes, sampler.way * sampler.query)
    actual, *answers = (np.zeros(shape, np.int64) for _ in ("actual", *classifiers))
    predicted = dict(zip(classifiers, answers, strict=True))
    kept = {name: np.zeros((*shape, sampler.way), np.float32) for name in keep_logits}
    shown = None if progress and ranks.first else True
    with progress_bar(total=episodes, unit="ep", disable=shown) as bar:
        for number, rows in enumerate(_batches(episodes, batch=batch)):
            if ranks.mine(number):
                drawn = [sampler.episode(index) for index in range(rows.start, rows.stop)]
                classes = np.stack([episode.classes for episode in drawn])
                asked = episode_features(drawn, encoded, class_text, classes)
                actual[rows] = _named(classes, _stack(drawn, "query_labels"))
                for name, classify in classifiers.items():
                    logits = _logits(classify, asked)
                    predicted[name][rows] = _named(classes, _answers(logits, of=name))
                    if name in kept:
                        kept[name][rows] = logits.float().cpu().numpy()
            bar.update(rows.stop - rows.start)
    ranks.sum_([torch.from_numpy(each) for each in (actual, *answers)])  # sums in place
    ranks.sum_([torch.from_numpy(each) for each in kept.values()])
    return Measurement(sampler.class_names, actual, predicted, kept, encoded.once)


def _batches(episodes: int, *, batch: int) -> Iterator[slice]:
    for start in range(0, episodes, batch):
        yield slice(start, min(start + batch, episodes))


def _stack(drawn: Sequence[Episode], field: str) -> Ints:
    return np.stack([getattr(episode, field) for episode in drawn])


def episode_features(
    drawn: Sequence[Episode], clips: Clips, class_text: Tensor | None, classes: Ints
) -> EpisodeFeatures:
    """The features of the episodes; classes [B, N], class_text [classes, C]."""
    sides = [_stack(drawn, side) for side in ("support", "query")]
    encoded = clips.of(np.unique(np.concatenate(sides, axis=None)))
    support, query = (encoded.rows(side) for side in sides)
    labels = torch.from_numpy(_stack(drawn, "support_labels")).to(support.device)
    features, prepared = encoded.features, encoded.prepared
    if prepared is not None:
        prepared = Prepared(prepared.support[support], prepared.query[query])
    texts = None if class_text is None else class_text.to(features)[torch.from_numpy(classes)]
    return EpisodeFeatures(
        features[support], labels, features[query], texts, classes.shape[-1], prepared
    )


def _logits(classify: Classifier, episodes: EpisodeFeatures) -> Tensor:
    """[B, Q, N]"""
    with torch.no_grad():
        return classify(episodes)


def _answers(logits: Tensor, *, of: str) -> Ints:
    """The label with the largest logit of each query, [B, Q]. of: the classifier's name.

    Raises DataError for logits that are not finite, which the GPU finds beside the labels: one wait
    for both.
    """
    finite = logits.isfinite().all(dim=-1)
    answers: Ints = torch.where(finite, logits.argmax(dim=-1), -1).cpu().numpy()
    if missing := int((answers < 0).sum()):
        raise DataError(
            f"{of}: the logits of {missing} of {answers.size} queries are not finite (NaN or "
            "infinite), so that there is no answer: if train.json's loss is not finite either, "
            "lower train.lr; else the method divides by 0 or the like in classify"
        )
    return answers


def _named(classes: Ints, labels: Ints) -> Ints:
    """Labels 0..N-1 [B, Q] -> positions in the class names [B, Q]; classes [B, N]: of labels."""
    return np.take_along_axis(classes, labels, axis=1)
