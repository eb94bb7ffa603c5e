"""Stage `evaluate`: measures accuracy on the test split, over many fixed episodes.

Reads the manifest (for the data set's name), frames, prompts and the model; writes data/results.
"""

import csv
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from spm.base.atomic import atomic_path
from spm.base.hashing import folder_hash, value_hash
from spm.config.episode import EpisodeConfig
from spm.config.evaluate import EvaluateConfig
from spm.config.runtime import RuntimeConfig
from spm.episodes.device import place
from spm.episodes.evaluation import Measurement
from spm.episodes.ranks import Ranks
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.threshold import Threshold
from spm.features.store import ClipStore
from spm.frames.clip_index import ClipIndex
from spm.frames.integrity import measured_on
from spm.model.model import FewShotModel, load_model
from spm.model.prompts import PromptFeatures
from spm.results.accuracy_table import accuracy_table
from spm.results.document import (
    MODEL,
    TEXT,
    Conditions,
    class_rows,
    confusion_rows,
    document,
    episode_table,
    headline,
)
from spm.results.model_measurements import measure_model
from spm.results.start import start_in_words
from spm.results.text_words import worth
from spm.results.unknown import COLUMNS as UNKNOWN_COLUMNS
from spm.results.unknown import promise_of, unknown_rows
from stages.shared import command, params, paths
from stages.shared.clip_store import open_clips
from stages.shared.launch import launch
from stages.shared.single_instance import single_instance
from stages.shared.tables import dataset_of_manifest
from stages.tracking import runs as tracking
from stages.tracking.provenance import machine_tags
from stages.tracking.registry import tag_measured

SPLIT = "test"
_TABLE, _LATER = "CLIP_SPM_TABLE", "later"
"""`make repro` sets CLIP_SPM_TABLE=later: it prints the table itself, even if this stage does not
run."""


def main() -> None:
    episode, evaluate, runtime = params.load(
        episode=EpisodeConfig, evaluate=EvaluateConfig, runtime=RuntimeConfig
    )
    store, prompts = open_clips(), PromptFeatures.load(paths.PROMPTS)
    samplers = [_sampler(store, evaluate, way=episode.way, shot=shot) for shot in evaluate.shots]
    work = partial(
        _evaluate,
        store=store,
        prompts=prompts,
        samplers=samplers,
        episode=episode,
        evaluate=evaluate,
        dataset=dataset_of_manifest(),
    )
    launch(work, runtime)


def _evaluate(
    ranks: Ranks,
    device: torch.device,
    *,
    store: ClipStore,
    prompts: PromptFeatures,
    samplers: list[EpisodeSampler],
    episode: EpisodeConfig,
    evaluate: EvaluateConfig,
    dataset: str,
) -> None:
    """The work of one rank. Rank 0 also writes the outs and the MLflow run."""
    model = place(load_model(paths.MODEL), device)
    measured = partial(
        measure_model,
        model,
        store,
        prompts,
        split=SPLIT,
        samplers=samplers,
        evaluate=evaluate,
        ranks=ranks,
    )
    if not ranks.first:
        measured()
        return
    with tracking.stage_run(
        "evaluate",
        params={"episode": episode, "evaluate": evaluate},
        deps=[paths.MANIFEST, paths.FRAMES, paths.FEATURES, paths.PROMPTS, paths.MODEL],
        outs=[
            paths.EVALUATION,
            paths.METRICS,
            paths.EPISODES,
            paths.PER_CLASS,
            paths.CONFUSION,
            paths.UNKNOWN,
        ],
        tags=machine_tags(device, ranks=ranks.count),
        whole_chain=True,
    ) as run:
        measurements = measured()
        conditions = _conditions(
            model, store, prompts, episode=episode, evaluate=evaluate, dataset=dataset
        )
        results = document(measurements, conditions=conditions)
        _write(
            results,
            measurements,
            promise=conditions.promises.get(results["shot"]),
            texts=dict(zip(prompts.classes, prompts.texts, strict=True)),
        )
        run.log_metrics(_metrics(results))
        for path in (paths.EVALUATION, paths.PER_CLASS, paths.CONFUSION, paths.UNKNOWN):
            run.log_artifact(path)
        tag_measured(run, model, numbers=headline(results), about=_about(results))
    if os.environ.get(_TABLE) != _LATER:
        print(accuracy_table(results))


def _sampler(store: ClipStore, evaluate: EvaluateConfig, *, way: int, shot: int) -> EpisodeSampler:
    """The sampler of the test episodes. Raises DataError for too few decoded clips."""
    return EpisodeSampler(
        store.classes(SPLIT),
        way=way,
        shot=shot,
        query=evaluate.query,
        seed=evaluate.seed,
        split=SPLIT,
    )


def _conditions(
    model: FewShotModel,
    store: ClipStore,
    prompts: PromptFeatures,
    *,
    episode: EpisodeConfig,
    evaluate: EvaluateConfig,
    dataset: str,
) -> Conditions:
    return Conditions(
        dataset=dataset,
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
        calibration=model.calibration,
        promises={
            shot: promise_of(model, way=episode.way, shot=shot)
            for shot in (evaluate.shots if evaluate.unknown_episodes else [])
        },
        coverage=measured_on(paths.FRAMES),
        hashes={
            "data": ClipIndex(paths.FRAMES).identity,
            "episodes": _episodes_hash(store, evaluate, way=episode.way),
            "model": folder_hash(paths.MODEL),
            "parameters": value_hash([episode.model_dump(), evaluate.model_dump()]),
        },
    )


def _episodes_hash(store: ClipStore, evaluate: EvaluateConfig, *, way: int) -> str:
    """A hash of the clip ids by class, and of the sampling, for the headline shot.

    It does not depend on how clips are stored.
    """
    ids = store.clips["id"]
    clips = [[name, ids.take(found).to_pylist()] for name, found in store.classes(SPLIT).items()]
    how = {"way": way, "shot": evaluate.shots[0], "query": evaluate.query, "seed": evaluate.seed}
    return value_hash([clips, how, evaluate.episodes])


def _write(
    results: dict[str, Any],
    measurements: dict[int, Measurement],
    *,
    promise: Threshold | str | None,
    texts: dict[str, str],
) -> None:
    """promise: of the headline shot, which confusion.csv and unknown.csv are of."""
    headline_shot = next(iter(measurements.values()))
    _write_json(paths.EVALUATION, results)
    _write_json(paths.METRICS, headline(results))
    with atomic_path(paths.EPISODES) as path:
        pq.write_table(episode_table(measurements), path)
    _write_csv(paths.PER_CLASS, class_rows(measurements, texts=texts))
    _write_csv(paths.CONFUSION, confusion_rows(headline_shot))
    rows = [] if promise is None else unknown_rows(headline_shot, promise)
    _write_csv(paths.UNKNOWN, rows, columns=UNKNOWN_COLUMNS)


def _write_json(path: Path, values: dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")


def _write_csv(
    path: Path, rows: list[dict[str, Any]], *, columns: Sequence[str] | None = None
) -> None:
    """columns: those of the rows, where there may be no row."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _about(results: dict[str, Any]) -> dict[str, str]:
    """What the headline was measured on, in words, for the registered model."""
    task = f"{results['way']}-way {results['shot']}-shot, {results['query']} queries"
    return {
        "episodes": f"{results['episodes']} of {SPLIT}, {task}",
        "protocol": results["protocol"],
        "shots": ", ".join(results["shots"]),
        "coverage": results["coverage"]["splits"][SPLIT]["line"],
        "data": results["hashes"]["data"],
    }


def _metrics(results: dict[str, Any]) -> dict[str, float]:
    """The metrics for MLflow: the headline as `accuracy` and `ci95`; others with their shot."""
    metrics = {"accuracy": results["accuracy"], "ci95": results["ci95"]}
    for shot, summary in results["shots"].items():
        metrics[f"accuracy_{shot}shot"] = summary["accuracy"]
        if summary["inductive"]:
            metrics[f"inductive_{shot}shot"] = summary["inductive"]["accuracy"]
        for kind, measured in (summary["confidence"] or {}).items():
            ece = "ece" if kind == MODEL else f"{kind}_ece"
            metrics[f"{ece}_{shot}shot"] = measured["after"]["ece"]
            metrics[f"{ece}_before_{shot}shot"] = measured["before"]["ece"]
        if controls := summary["text_controls"]:
            metrics[f"text_worth_{shot}shot"] = worth(controls)[0]
            metrics |= {f"{TEXT[name]}_{shot}shot": controls[name]["accuracy"] for name in TEXT}
        if unknown := summary["unknown"]:
            for name, score in unknown["scores"].items():
                metrics[f"auroc_{name}_{shot}shot"] = score["auroc"]
            if "false_alarms" in unknown["promise"]:
                metrics[f"false_alarms_{shot}shot"] = unknown["promise"]["false_alarms"]
        for name, baseline in summary["baselines"].items():
            metrics[f"{name}_{shot}shot"] = baseline["accuracy"]
    return metrics


if __name__ == "__main__":
    command.run(single_instance(main))
