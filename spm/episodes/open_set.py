"""Episodes with queries whose class is none of the episode's: scores that tell, and thresholds.

    probability   the largest p_n
    margin        the largest logit less the second largest
    distance      the largest logit
    background    (max_n logit_n − mean_b logit_b) / std_b logit_b
                  of one episode with the N classes and B background classes, a training clip each

Every query is asked alone. The larger the score, the more likely the query's class is among the N.
The background score has no unit, and hardly depends on N and K, so that a threshold can be taken
over from validation classes. Shapes: `...` episodes, `N` classes, `Q` queries, `B` background
classes, `E` episodes.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from spm.base.progress import progress_bar
from spm.episodes.evaluation import Clips, Ints, OpenScores, episode_features
from spm.episodes.ranks import ALONE, Ranks
from spm.episodes.sampler import Episode, EpisodeSampler
from spm.methods.base import EpisodeFeatures
from spm.model.background import Background
from spm.model.model import FewShotModel
from spm.model.text_controls import controlled

SCORES = ("probability", "margin", "distance", "background")
BEST = "background"
"""The score that a recognizer decides by."""
_STREAM = 1
_LEAST_SPREAD = 1e-6


class OpenEpisode(NamedTuple):
    """An episode, and the classes of its last queries, which are none of the episode's."""

    episode: Episode
    """The label of these queries is -1."""
    unknown: Ints
    """[u], positions in the split's class names."""


def open_episode(sampler: EpisodeSampler, index: int, *, unknown: int) -> OpenEpisode:
    """Episode `index` of the sampler, its queries one of each class and `unknown` of others.

    Raises ValueError if the split has no other class.
    """
    episode = sampler.episode(index)
    others = np.setdiff1d(np.arange(len(sampler.class_names)), episode.classes)
    if not len(others):
        raise ValueError(f"all {sampler.way} classes are in each episode: no query is unknown")
    rng = sampler.stream(index, _STREAM)
    classes = rng.choice(others, unknown)
    drawn = [rng.choice(sampler.clips_of(number)) for number in classes]
    known = slice(None, None, sampler.query)
    asked = replace(
        episode,
        query=np.array([*episode.query[known], *drawn]),
        query_labels=np.array([*episode.query_labels[known], *[-1] * unknown]),
    )
    return OpenEpisode(asked, classes)


def scores(model: FewShotModel, episode: EpisodeFeatures, logits: Tensor) -> dict[str, Tensor]:
    """Score name -> [..., Q], each query alone. Without a background there is no such score.

    logits: of `classify_each`.
    """
    first, second = logits.topk(2, dim=-1).values.unbind(dim=-1)
    found = {
        "probability": model.probabilities(logits, transductive=False).amax(dim=-1),
        "margin": first - second,
        "distance": first,
    }
    if model.background is not None:
        found["background"] = background_score(model, episode, model.background)
    return found


def background_score(
    model: FewShotModel, episode: EpisodeFeatures, background: Background
) -> Tensor:
    """[..., Q], each query alone."""
    joined = _joined(model, episode, background)
    logits = model.method.classify_each(joined)
    own, others = torch.tensor_split(logits, [episode.num_classes], dim=-1)
    spread = others.std(dim=-1).clamp(min=_LEAST_SPREAD)
    return (own.amax(dim=-1) - others.mean(dim=-1)) / spread


def measure_open(
    model: FewShotModel,
    *,
    encoded: Clips,
    sampler: EpisodeSampler,
    class_text: Tensor | None,
    episodes: int,
    unknown: int,
    batch: int,
    ranks: Ranks = ALONE,
    progress: bool = True,
) -> OpenScores:
    """The scores and answers in open episodes 0 … `episodes` - 1, `batch` at a time.

    encoded, class_text: as spm.episodes.evaluation.measure takes them. Each rank runs its share;
    every rank returns the scores of all.
    """
    names = SCORES if model.background is not None else SCORES[:-1]
    found = {name: np.zeros((episodes, sampler.way + unknown)) for name in names}
    actual, taken_for = (np.zeros((episodes, unknown), np.int64) for _ in range(2))
    starts = range(0, episodes, batch)
    shown = None if progress and ranks.first else True
    for number, start in enumerate(progress_bar(starts, desc="unknown", disable=shown)):
        if ranks.mine(number):
            rows = slice(start, min(start + batch, episodes))
            indices = range(rows.start, rows.stop)
            drawn = [open_episode(sampler, index, unknown=unknown) for index in indices]
            classes = np.stack([each.episode.classes for each in drawn])
            asked = episode_features([each.episode for each in drawn], encoded, class_text, classes)
            with torch.no_grad():
                logits = model.method.classify_each(asked)
                for name, values in scores(model, asked, logits).items():
                    found[name][rows] = values.double().cpu().numpy()
            labels = logits.argmax(dim=-1)[:, sampler.way :].cpu().numpy()
            taken_for[rows] = np.take_along_axis(classes, labels, axis=1)
            actual[rows] = [each.unknown for each in drawn]
    ranks.sum_([torch.from_numpy(each) for each in found.values()])  # sums in place
    ranks.sum_([torch.from_numpy(each) for each in (actual, taken_for)])
    return OpenScores(
        {name: values[:, : sampler.way] for name, values in found.items()},
        {name: values[:, sampler.way :] for name, values in found.items()},
        actual,
        taken_for,
    )


def _joined(
    model: FewShotModel, episode: EpisodeFeatures, background: Background
) -> EpisodeFeatures:
    """The episode with the background classes behind its own. A method that takes the same number
    of supports of each class gets the background's clips as often."""
    labels, classes = episode.support_labels, episode.num_classes
    times = 1 if model.method.unequal_shots else labels.shape[-1] // classes
    more = torch.arange(len(background.clips), device=labels.device).repeat_interleave(times)
    clips = background.clips.to(episode.support)[more]
    texts = episode.class_text
    if texts is not None and background.texts is not None:
        of_background = controlled(background.texts, model.config.prompts.control).to(texts)
        texts = torch.cat([texts, of_background.expand(*texts.shape[:-2], -1, -1)], dim=-2)
    batch = labels.shape[:-1]
    return episode._replace(
        support=torch.cat(
            [episode.support, clips.expand(*batch, *clips.shape)], dim=labels.dim() - 1
        ),
        support_labels=torch.cat([labels, (classes + more).expand(*batch, -1)], dim=-1),
        class_text=texts,
        num_classes=classes + len(background.clips),
        prepared=None,
    )
