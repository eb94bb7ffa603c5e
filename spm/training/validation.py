"""Validation: measures the accuracy that selects the weights, during training."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from spm.config.prompts import TextControl
from spm.config.train import TrainConfig
from spm.episodes.evaluation import encode_clips, measure, prepare_clips
from spm.episodes.feasibility import VALIDATION_SPLITS
from spm.episodes.ranks import Ranks
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.scores import episode_accuracies
from spm.features.store import ClipStore
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures

_BATCH = 25


def validation(
    store: ClipStore,
    texts: PromptFeatures,
    config: TrainConfig,
    *,
    way: int,
    shot: int,
    how: Literal["sum", "mean"],
    control: TextControl,
    ranks: Ranks,
) -> Callable[[FewShotModel], float]:
    """A function model -> accuracy in percent, on the same `train.validate_episodes` episodes.

    All ranks encode clips; rank 0 runs the episodes and broadcasts the accuracy. Raises DataError
    for a class with too few decoded clips.
    """
    split = VALIDATION_SPLITS[config.selection]
    classes = store.classes(split)
    sampler = EpisodeSampler(
        classes,
        way=way,
        shot=shot,
        query=config.validate_query,
        seed=config.seed,
        split=split,
    )
    clips = np.concatenate(list(classes.values()))
    class_text = texts.of(sampler.class_names, how=how, control=control)

    def validate(model: FewShotModel) -> float:
        model.eval()
        encoded = encode_clips(model, store, clips=clips, ranks=ranks, progress=False)
        if not ranks.first:
            return ranks.broadcast(0.0)
        prepared = prepare_clips(model, encoded, classes=classes, class_text=class_text)
        measured = measure(
            {"model": model.method.classify},
            encoded=prepared,
            sampler=sampler,
            class_text=class_text,
            episodes=config.validate_episodes,
            batch=_BATCH,
            progress=False,
        )
        accuracies = episode_accuracies(measured.actual, measured.predicted["model"])
        return ranks.broadcast(float(accuracies.mean()))

    return validate
