"""Calibrates a trained model: fits the temperatures of its probabilities on validation episodes.

The split is the validation split whatever selected the weights: never that of the test.
"""

from typing import Literal

import numpy as np

from spm.config.prompts import TextControl
from spm.config.train import TrainConfig
from spm.episodes.clips_on_demand import ClipsOnDemand
from spm.episodes.evaluation import Classifier, EncodedClips
from spm.episodes.feasibility import shortfall
from spm.episodes.ranks import Ranks
from spm.features.store import ClipStore
from spm.model.calibration import NOT_CALIBRATED, Calibration, Fit
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures
from spm.training.temperature import fit_temperature, nll
from spm.training.validation import ANSWERS, ValidationEpisodes

SPLIT = "val"
EPISODES_OF_EACH = 100
"""Episodes, at most, on which the temperature of a transductive method's `classify_each` is fitted.
Such an episode takes about four times as long as one of `classify`."""


def calibrate(
    model: FewShotModel,
    store: ClipStore,
    texts: PromptFeatures,
    config: TrainConfig,
    *,
    way: int,
    shot: int,
    how: Literal["sum", "mean"],
    control: TextControl,
    ranks: Ranks,
) -> Calibration:
    """The calibration of `model`, from the first `train.validate_episodes` validation episodes.

    It says why there is none if the split cannot make such episodes. All ranks encode clips; rank 0
    alone fits, and the others get NOT_CALIBRATED. Raises DataError for logits that are not finite.
    """
    counts = {name: len(clips) for name, clips in store.classes(SPLIT).items()}
    size = {"way": way, "shot": shot}
    if lacks := shortfall(counts, **size, query=config.validate_query, split=SPLIT):
        return _without(lacks)
    rounds = ValidationEpisodes(
        store, texts, config, split=SPLIT, **size, how=how, control=control, ranks=ranks
    )
    encoded = rounds.encode(model)
    if not ranks.first:
        return NOT_CALIBRATED
    method, episodes = model.method, config.validate_episodes
    together = _fit(method.classify, rounds, encoded, episodes=episodes)
    each = together
    if method.transductive:
        few = min(episodes, EPISODES_OF_EACH)
        each = _fit(method.classify_each, rounds, encoded, episodes=few)
    return Calibration(classify=together, classify_each=each, reason=None)


def _without(reason: str) -> Calibration:
    return NOT_CALIBRATED.model_copy(update={"reason": reason})


def _fit(
    classify: Classifier,
    rounds: ValidationEpisodes,
    encoded: EncodedClips | ClipsOnDemand,
    *,
    episodes: int,
) -> Fit:
    """The fit on the first `episodes` episodes."""
    measured = rounds.measure(classify, encoded, episodes=episodes, keep_logits=True)
    sampler = rounds.sampler
    logits = measured.logits[ANSWERS].reshape(-1, sampler.way).astype(np.float64)
    labels = np.concatenate([sampler.episode(index).query_labels for index in range(episodes)])
    temperature = fit_temperature(logits, labels)
    return Fit(
        temperature=temperature,
        episodes=episodes,
        way=sampler.way,
        shot=sampler.shot,
        query=sampler.query,
        nll_before=nll(logits, labels, temperature=1.0),
        nll=nll(logits, labels, temperature=temperature),
    )
