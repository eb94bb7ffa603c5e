"""What `evaluate` measures of a model: its accuracy, with controls, and baselines beside it."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from tqdm import tqdm

from spm.config.evaluate import EvaluateConfig
from spm.episodes.clips_on_demand import encode_within, prepare
from spm.episodes.evaluation import Classifier, Measurement, measure, on_vectors
from spm.episodes.open_set import measure_open
from spm.episodes.ranks import Ranks
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.text_controls import measure_controls
from spm.features.store import ClipStore
from spm.methods.registry import baselines, build_method
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures
from spm.results.document import INDUCTIVE, MODEL, TEXT

_OPEN_BYTES = 1e9


def measure_model(
    model: FewShotModel,
    store: ClipStore,
    prompts: PromptFeatures,
    *,
    split: str,
    samplers: list[EpisodeSampler],
    evaluate: EvaluateConfig,
    ranks: Ranks,
) -> dict[int, Measurement]:
    """Shot -> predictions of the model, also with other texts, and of the baselines; the model's
    logits with its own texts.

    samplers: one for each shot, all of the split's classes.
    """
    classes = store.classes(split)
    clips = np.concatenate(list(classes.values()))
    encoded = encode_within(
        model, store, clips=clips, max_cache_mb=evaluate.max_cache_mb, ranks=ranks
    )
    if not encoded.once and ranks.first:
        tqdm.write(
            "evaluate: the features of the test clips take more than evaluate.max_cache_mb = "
            f"{evaluate.max_cache_mb} MB, so clips are encoded again for each batch of episodes"
        )
    chosen = model.config.prompts
    class_text = prompts.of(
        samplers[0].class_names, how=chosen.text_ensemble, control=chosen.control
    )
    prepared = prepare(model, encoded, classes=classes, class_text=class_text)
    run = partial(
        measure, encoded=prepared, class_text=class_text, batch=evaluate.batch, ranks=ranks
    )
    classifiers = {MODEL: model.method.classify} | _baselines(model, text=prompts.text)
    measurements = _measure_shots(run, model, classifiers, samplers=samplers, evaluate=evaluate)
    episodes = min(evaluate.text_control_episodes, evaluate.episodes)
    if episodes and _has_controls(model) and class_text is not None:
        predicted = measure_controls(
            model,
            encoded,
            classes=classes,
            class_text=class_text,
            samplers=samplers,
            episodes=episodes,
            batch=evaluate.batch,
            ranks=ranks,
        )
        for shot, answers in predicted.items():
            named = {TEXT[control]: answer for control, answer in answers.items()}
            measurements[shot].predicted.update(named)
    if evaluate.unknown_episodes and _has_others(samplers[0]):
        for sampler in samplers:
            scores = measure_open(
                model,
                encoded=encoded,
                sampler=sampler,
                class_text=class_text,
                episodes=min(evaluate.unknown_episodes, evaluate.episodes),
                unknown=evaluate.unknown_query,
                batch=min(evaluate.batch, _fitting(model, supports=sampler.way * sampler.shot)),
                ranks=ranks,
            )
            measured = measurements[sampler.shot]
            measurements[sampler.shot] = replace(measured, open_set=scores)
    return measurements


def _fitting(model: FewShotModel, *, supports: int) -> int:
    """The episodes whose supports, the background's clips among them, fit in 1 GB; at least one.

    Each episode holds a copy of the background, and maps of a CLIP tower are large.
    """
    clips = supports + (0 if model.background is None else len(model.background.clips))
    size = 4 * clips * model.config.frames.num_segments * math.prod(model.feature_shape)
    return max(1, int(_OPEN_BYTES / size))


def _has_others(sampler: EpisodeSampler) -> bool:
    """Whether there are classes that are not in an episode."""
    return len(sampler.class_names) > sampler.way


def _has_controls(model: FewShotModel) -> bool:
    """Whether other texts at test say what the model's texts are worth."""
    return model.config.model.needs.text and model.config.prompts.control == "none"


def _measure_shots(
    run: Callable[..., Measurement],
    model: FewShotModel,
    classifiers: dict[str, Classifier],
    *,
    samplers: list[EpisodeSampler],
    evaluate: EvaluateConfig,
) -> dict[int, Measurement]:
    """Shot -> predictions of the classifiers, and of the model's method inductively."""
    alone = min(evaluate.inductive_episodes, evaluate.episodes)
    measurements = {}
    for sampler in samplers:
        measured = run(
            classifiers, sampler=sampler, episodes=evaluate.episodes, keep_logits=(MODEL,)
        )
        if not model.method.transductive:  # `classify` is inductive already
            measured.predicted[INDUCTIVE] = measured.predicted[MODEL]
            measured.logits[INDUCTIVE] = measured.logits[MODEL]
        elif alone:
            one_by_one: dict[str, Classifier] = {INDUCTIVE: model.method.classify_each}
            each = run(one_by_one, sampler=sampler, episodes=alone, keep_logits=(INDUCTIVE,))
            measured.predicted.update(each.predicted)
            measured.logits.update(each.logits)
        measurements[sampler.shot] = measured
    return measurements


def _baselines(model: FewShotModel, *, text: str) -> dict[str, Classifier]:
    """Method name -> `classify` of the baseline, without the model's own method.

    Baselines that need texts are left out unless the text tower is trained, and beside a model with
    a control: they get the texts that the model gets. So they are beside a model that takes maps,
    whose channels are those before the tower's projection, and not the texts'.
    """
    controlled = model.config.prompts.control != "none"
    has_texts = text == "trained" and not controlled and not model.takes_maps
    channels, frames = model.feature_shape[0], model.config.frames.num_segments
    methods = {
        section.method: build_method(section, channels=channels, num_frames=frames)
        for section in baselines()
        if section.method != model.config.model.method and (has_texts or not section.needs.text)
    }
    return {name: on_vectors(method.classify) for name, method in methods.items()}
