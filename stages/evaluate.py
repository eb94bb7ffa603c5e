"""Stage `evaluate`: measures accuracy on the test split, over many fixed episodes.

Reads the manifest (for the data set's name), frames, prompts and the model; writes data/results.
"""

import csv
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from spm.base.atomic import atomic_path
from spm.base.hashing import folder_hash, value_hash
from spm.config.episode import EpisodeConfig
from spm.config.evaluate import EvaluateConfig
from spm.config.runtime import RuntimeConfig
from spm.episodes.device import place
from spm.episodes.evaluation import (
    Classifier,
    Measurement,
    encode_clips,
    measure,
    on_vectors,
    prepare_clips,
)
from spm.episodes.ranks import Ranks
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.text_controls import measure_controls
from spm.frames.integrity import measured_on
from spm.frames.store import FrameStore
from spm.methods.registry import baselines, build_method
from spm.model.model import FewShotModel, load_model
from spm.model.prompts import PromptFeatures
from spm.results.accuracy_table import accuracy_table
from spm.results.document import (
    INDUCTIVE,
    MODEL,
    TEXT,
    Conditions,
    class_rows,
    confusion_rows,
    document,
    episode_table,
    headline,
)
from spm.results.start import start_in_words
from spm.results.text_words import worth
from stages.shared import command, params, paths
from stages.shared.launch import launch
from stages.shared.single_instance import single_instance
from stages.tracking import runs as tracking
from stages.tracking.provenance import machine_tags

SPLIT = "test"
_TABLE, _LATER = "CLIP_SPM_TABLE", "later"
"""`make repro` sets CLIP_SPM_TABLE=later: it prints the table itself, even if this stage does not
run."""


def main() -> None:
    episode, evaluate, runtime = params.load(
        episode=EpisodeConfig, evaluate=EvaluateConfig, runtime=RuntimeConfig
    )
    store, prompts = FrameStore(paths.FRAMES), PromptFeatures.load(paths.PROMPTS)
    samplers = [_sampler(store, evaluate, way=episode.way, shot=shot) for shot in evaluate.shots]
    work = partial(
        _evaluate,
        store=store,
        prompts=prompts,
        samplers=samplers,
        episode=episode,
        evaluate=evaluate,
    )
    launch(work, runtime)


def _evaluate(
    ranks: Ranks,
    device: torch.device,
    *,
    store: FrameStore,
    prompts: PromptFeatures,
    samplers: list[EpisodeSampler],
    episode: EpisodeConfig,
    evaluate: EvaluateConfig,
) -> None:
    """The work of one rank. Rank 0 also writes the outs and the MLflow run."""
    model = place(load_model(paths.MODEL), device)
    measured = partial(_measure, model, store, prompts, samplers=samplers, evaluate=evaluate)
    if not ranks.first:
        measured(ranks=ranks)
        return
    with tracking.stage_run(
        "evaluate",
        params={"episode": episode, "evaluate": evaluate},
        deps=[paths.MANIFEST, paths.FRAMES, paths.PROMPTS, paths.MODEL],
        outs=[
            paths.EVALUATION,
            paths.METRICS,
            paths.EPISODES,
            paths.PER_CLASS,
            paths.CONFUSION,
        ],
        tags=machine_tags(device, ranks=ranks.count),
        whole_chain=True,
    ) as run:
        measurements = measured(ranks=ranks)
        conditions = _conditions(model, store, prompts, episode=episode, evaluate=evaluate)
        results = document(measurements, conditions=conditions)
        _write(results, measurements, texts=dict(zip(prompts.classes, prompts.texts, strict=True)))
        run.log_metrics(_metrics(results))
        for path in (paths.EVALUATION, paths.PER_CLASS, paths.CONFUSION):
            run.log_artifact(path)
    if os.environ.get(_TABLE) != _LATER:
        print(accuracy_table(results))


def _sampler(store: FrameStore, evaluate: EvaluateConfig, *, way: int, shot: int) -> EpisodeSampler:
    """The sampler of the test episodes. Raises DataError for too few decoded clips."""
    return EpisodeSampler(
        store.classes(SPLIT),
        way=way,
        shot=shot,
        query=evaluate.query,
        seed=evaluate.seed,
        split=SPLIT,
    )


def _measure(
    model: FewShotModel,
    store: FrameStore,
    prompts: PromptFeatures,
    *,
    samplers: list[EpisodeSampler],
    evaluate: EvaluateConfig,
    ranks: Ranks,
) -> dict[int, Measurement]:
    """Shot -> predictions of the model, also with other texts, and of the baselines."""
    classes = store.classes(SPLIT)
    clips = np.concatenate(list(classes.values()))
    encoded = encode_clips(model, store, clips=clips, ranks=ranks)
    chosen = model.config.prompts
    class_text = prompts.of(
        samplers[0].class_names, how=chosen.text_ensemble, control=chosen.control
    )
    prepared = prepare_clips(model, encoded, classes=classes, class_text=class_text)
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
    return measurements


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
        measured = run(classifiers, sampler=sampler, episodes=evaluate.episodes)
        if not model.method.transductive:  # `classify` is inductive already
            measured.predicted[INDUCTIVE] = measured.predicted[MODEL]
        elif alone:
            one_by_one: dict[str, Classifier] = {INDUCTIVE: model.method.classify_each}
            each = run(one_by_one, sampler=sampler, episodes=alone)
            measured.predicted.update(each.predicted)
        measurements[sampler.shot] = measured
    return measurements


def _baselines(model: FewShotModel, *, text: str) -> dict[str, Classifier]:
    """Method name -> `classify` of the baseline, without the model's own method.

    Baselines that need texts are left out unless the text tower is trained, and beside a model with
    a control: they get the texts that the model gets.
    """
    has_texts = text == "trained" and model.config.prompts.control == "none"
    frames = model.config.frames.num_segments
    methods = {
        section.method: build_method(section, channels=model.channels, num_frames=frames)
        for section in baselines()
        if section.method != model.config.model.method and (has_texts or not section.needs.text)
    }
    return {name: on_vectors(method.classify) for name, method in methods.items()}


def _conditions(
    model: FewShotModel,
    store: FrameStore,
    prompts: PromptFeatures,
    *,
    episode: EpisodeConfig,
    evaluate: EvaluateConfig,
) -> Conditions:
    return Conditions(
        dataset=pq.read_schema(paths.MANIFEST).metadata[b"dataset"].decode(),
        method=model.config.model.method,
        title=model.config.model.full_title,
        backbone=model.config.backbone.name,
        start=start_in_words(model.config),
        way=episode.way,
        query=evaluate.query,
        episodes=evaluate.episodes,
        protocol=model.method.protocol(
            queries=episode.way * evaluate.query, shot=evaluate.shots[0]
        ),
        transductive=model.method.transductive,
        selection=model.config.selection,
        text=prompts.text if model.config.model.needs.text else "not used",
        text_control=model.config.prompts.control,
        coverage=measured_on(paths.FRAMES),
        hashes={
            "data": store.identity,
            "episodes": _episodes_hash(store, evaluate, way=episode.way),
            "model": folder_hash(paths.MODEL),
            "parameters": value_hash([episode.model_dump(), evaluate.model_dump()]),
        },
    )


def _episodes_hash(store: FrameStore, evaluate: EvaluateConfig, *, way: int) -> str:
    """A hash of the clip ids by class, and of the sampling, for the headline shot.

    It does not depend on how clips are stored.
    """
    ids = store.clips["id"]
    clips = [[name, ids.take(found).to_pylist()] for name, found in store.classes(SPLIT).items()]
    how = {"way": way, "shot": evaluate.shots[0], "query": evaluate.query, "seed": evaluate.seed}
    return value_hash([clips, how, evaluate.episodes])


def _write(
    results: dict[str, Any], measurements: dict[int, Measurement], *, texts: dict[str, str]
) -> None:
    _write_json(paths.EVALUATION, results)
    _write_json(paths.METRICS, headline(results))
    with atomic_path(paths.EPISODES) as path:
        pq.write_table(episode_table(measurements), path)
    _write_csv(paths.PER_CLASS, class_rows(measurements, texts=texts))
    _write_csv(paths.CONFUSION, confusion_rows(next(iter(measurements.values()))))


def _write_json(path: Path, values: dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _metrics(results: dict[str, Any]) -> dict[str, float]:
    """The metrics for MLflow: the headline as `accuracy` and `ci95`; others with their shot."""
    metrics = {"accuracy": results["accuracy"], "ci95": results["ci95"]}
    for shot, summary in results["shots"].items():
        metrics[f"accuracy_{shot}shot"] = summary["accuracy"]
        if summary["inductive"]:
            metrics[f"inductive_{shot}shot"] = summary["inductive"]["accuracy"]
        if controls := summary["text_controls"]:
            metrics[f"text_worth_{shot}shot"] = worth(controls)[0]
            metrics |= {f"{TEXT[name]}_{shot}shot": controls[name]["accuracy"] for name in TEXT}
        for name, baseline in summary["baselines"].items():
            metrics[f"{name}_{shot}shot"] = baseline["accuracy"]
    return metrics


if __name__ == "__main__":
    command.run(single_instance(main))
