"""Validation: episodes of one split, and the accuracy on them that selects the weights.

spm.training.calibration measures on the same kind of episodes.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from spm.config.prompts import TextControl
from spm.config.train import TrainConfig
from spm.episodes.clips_on_demand import ClipsOnDemand, encode_within, prepare
from spm.episodes.evaluation import Classifier, EncodedClips, Measurement, measure
from spm.episodes.ranks import Ranks
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.scores import episode_accuracies
from spm.features.store import ClipStore
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures

ANSWERS = "model"
"""The name of the classifier in a measurement."""
_BATCH = 25
_MAX_CACHE_MB = 4096
"""As evaluate.max_cache_mb. No section holds it, since it alters the rounding of accuracies alone,
and a key of `train` would train every model anew."""


class ValidationEpisodes:
    """The episodes 0, 1, … of one split, the same for every model, with `train.validate_query`
    queries per class."""

    def __init__(
        self,
        store: ClipStore,
        texts: PromptFeatures,
        config: TrainConfig,
        *,
        split: str,
        way: int,
        shot: int,
        how: Literal["sum", "mean"],
        control: TextControl,
        ranks: Ranks,
    ) -> None:
        """Raises DataError for too few classes, or a class with too few decoded clips."""
        self._store, self.ranks = store, ranks
        self._classes = store.classes(split)
        self.sampler = EpisodeSampler(
            self._classes,
            way=way,
            shot=shot,
            query=config.validate_query,
            seed=config.seed,
            split=split,
        )
        self._class_text = texts.of(self.sampler.class_names, how=how, control=control)

    def encode(self, model: FewShotModel) -> EncodedClips | ClipsOnDemand:
        """The features of all clips of the split, if they fit in memory.

        All ranks encode; puts `model` in eval mode.
        """
        model.eval()
        clips = np.concatenate(list(self._classes.values()))
        encoded = encode_within(
            model,
            self._store,
            clips=clips,
            max_cache_mb=_MAX_CACHE_MB,
            ranks=self.ranks,
            progress=False,
        )
        return prepare(model, encoded, classes=self._classes, class_text=self._class_text)

    def measure(
        self,
        classify: Classifier,
        encoded: EncodedClips | ClipsOnDemand,
        *,
        episodes: int,
        keep_logits: bool = False,
    ) -> Measurement:
        """Runs the first `episodes` episodes through `classify`, on this rank alone."""
        return measure(
            {ANSWERS: classify},
            encoded=encoded,
            sampler=self.sampler,
            class_text=self._class_text,
            episodes=episodes,
            batch=_BATCH,
            keep_logits=(ANSWERS,) if keep_logits else (),
            progress=False,
        )


def validation(rounds: ValidationEpisodes, *, episodes: int) -> Callable[[FewShotModel], float]:
    """A function model -> accuracy in percent, on the same `episodes` episodes each time.

    All ranks encode clips; rank 0 runs the episodes and broadcasts the accuracy.
    """
    ranks = rounds.ranks

    def validate(model: FewShotModel) -> float:
        encoded = rounds.encode(model)
        if not ranks.first:
            return ranks.broadcast(0.0)
        measured = rounds.measure(model.method.classify, encoded, episodes=episodes)
        accuracies = episode_accuracies(measured.actual, measured.predicted[ANSWERS])
        return ranks.broadcast(float(accuracies.mean()))

    return validate
