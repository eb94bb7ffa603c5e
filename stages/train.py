"""Stage `train`: trains the model end to end on episodes of the training split.

Keeps the weights with the highest accuracy on the split that `train.selection` names, and fits the
temperatures of their probabilities on the validation split.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from pipeline.machine.git_and_dvc import cache_name
from spm.base.atomic import atomic_folder, atomic_path
from spm.base.hashing import file_hash, value_hash
from spm.base.source import code_hash
from spm.base.versions import TRAINING, versions
from spm.config.backbone import BackboneConfig
from spm.config.base import Section
from spm.config.episode import EpisodeConfig
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig
from spm.config.prompts import PromptsConfig
from spm.config.runtime import RuntimeConfig
from spm.config.sections import check_ranks
from spm.config.train import TrainConfig
from spm.episodes.augmentation import AugmentedClips
from spm.episodes.device import place
from spm.episodes.feasibility import VALIDATION_SPLITS, check_feasible
from spm.episodes.ranks import Ranks
from spm.episodes.sampler import EpisodeSampler
from spm.episodes.training_data import StoredViews, TrainingClips, TrainingEpisodes
from spm.features.store import ClipStore, FeatureStore
from spm.methods.promises import Sizes, check_logits, check_losses
from spm.model.activation_checkpointing import checkpoint_activations
from spm.model.backbone import WEIGHTS_FILE
from spm.model.calibration import FILE as CALIBRATION_FILE
from spm.model.calibration import Calibration
from spm.model.model import FewShotModel, build_model, save_model
from spm.model.prompts import PromptFeatures
from spm.model.spec import ModelSpec, differences, load_start
from spm.model.start_weights import start_from
from spm.training.background import make_background
from spm.training.calibration import calibrate
from spm.training.checkpoint import Checkpoint, hold
from spm.training.history import History
from spm.training.loop import Execution, TrainingInputs, train
from spm.training.validation import ValidationEpisodes, validation
from stages.shared import command, params, paths
from stages.shared.clip_store import open_clips
from stages.shared.launch import count_ranks, launch
from stages.shared.single_instance import single_instance
from stages.shared.training_code import training_code
from stages.tracking import runs as tracking
from stages.tracking.learning_curve import reporter, silence
from stages.tracking.provenance import machine_tags
from stages.tracking.registry import register

SECTIONS: dict[str, type[Section]] = {
    "frames": FramesConfig,
    "prompts": PromptsConfig,
    "episode": EpisodeConfig,
    "backbone": BackboneConfig,
    "model": ModelConfig,
    "train": TrainConfig,
}


def main() -> None:
    (runtime,) = params.load(runtime=RuntimeConfig)
    sections: dict[str, Any] = dict(zip(SECTIONS, params.load(**SECTIONS), strict=True))
    store, texts = open_clips(), PromptFeatures.load(paths.PROMPTS)
    spec = _spec(sections, train_classes=len(store.classes("train")))
    _check_test_split(store, way=sections["episode"].way)
    check_ranks(sections["train"], ranks=count_ranks(runtime))
    work = partial(
        _train,
        store=store,
        texts=texts,
        runtime=runtime,
        sections=sections,
        spec=spec,
        fingerprint=_fingerprint(store, sections),
    )
    launch(work, runtime)


def _train(
    ranks: Ranks,
    device: torch.device,
    *,
    store: ClipStore,
    texts: PromptFeatures,
    runtime: RuntimeConfig,
    sections: dict[str, Any],
    spec: ModelSpec,
    fingerprint: str,
) -> None:
    """The work of one rank. Rank 0 also writes the outs, the checkpoint and the MLflow run."""
    ranks.check_agree(fingerprint)
    with _record(ranks, device, sections, fingerprint) as (checkpoint, run):
        model = _initial_model(spec, ranks)
        _check_promises(model, sections["episode"])
        model = place(model, device)
        history = History(model.method.terms)
        if runtime.activation_checkpointing:
            checkpoint_activations(model.backbone.visual)
        if sections["train"].episodes:
            execution = Execution(
                loader_workers=runtime.loader_workers,
                checkpoint_seconds=runtime.checkpoint_seconds,
                on_validation=reporter(run, sections["model"]) if ranks.first else silence,
                ranks=ranks,
                cuda_graph=runtime.cuda_graph,
            )
            inputs = _inputs(store, texts, sections, size=model.image_size, ranks=ranks)
            history = train(
                model, inputs, sections["train"], execution=execution, checkpoint=checkpoint
            )
        model.calibration = calibrate(
            model, store, texts, sections["train"], **_rounds(sections, ranks=ranks)
        )
        model.background = make_background(model, store, texts, ranks=ranks)
        if ranks.first:
            _write(model, history)
            _report(run, history, model.calibration)
            register(run, model)
            assert checkpoint is not None
            checkpoint.describe(model=cache_name(paths.MODEL / WEIGHTS_FILE))


def _report(run: tracking.Run, history: History, calibration: Calibration) -> None:
    run.log_metrics(history.summary() | calibration.metrics())
    for out in (paths.TRAIN_CURVES, paths.MODEL / "config.json", paths.MODEL / CALIBRATION_FILE):
        run.log_artifact(out)
    print(f"train: {history.summary()}")
    print(f"train: probabilities {calibration.in_words(transductive=True)}")


@contextmanager
def _record(
    ranks: Ranks, device: torch.device, sections: dict[str, Section], fingerprint: str
) -> Iterator[tuple[Checkpoint | None, tracking.Run]]:
    """The checkpoint and the MLflow run. Only rank 0 has them; others get None and an empty run."""
    if not ranks.first:
        yield None, tracking.Run()
        return
    folder = paths.state_dir() / "checkpoints" / fingerprint
    tags = machine_tags(device, ranks=ranks.count)
    with hold(folder) as checkpoint, _tracked(sections, tags) as run:
        checkpoint.describe(parameters=as_values(sections))
        yield checkpoint, run


def _inputs(
    store: ClipStore,
    texts: PromptFeatures,
    sections: dict[str, Any],
    *,
    size: int,
    ranks: Ranks,
) -> TrainingInputs:
    """The data of the training. Raises DataError for a class with too few decoded clips."""
    episode, config = sections["episode"], sections["train"]
    rounds = _rounds(sections, ranks=ranks)
    split = VALIDATION_SPLITS[config.selection]
    sampler = EpisodeSampler(
        store.classes("train"), **episode.model_dump(), seed=config.seed, split="train"
    )
    if isinstance(store, FeatureStore):
        clips: TrainingClips = StoredViews(store)
    else:
        clips = AugmentedClips(store, size=size, flip=config.flip)
    return TrainingInputs(
        episodes=TrainingEpisodes(clips, sampler, seed=config.seed),
        class_text=texts.of(sampler.class_names, how=rounds["how"], control=rounds["control"]),
        validate=validation(
            ValidationEpisodes(store, texts, config, split=split, **rounds),
            episodes=config.validate_episodes,
        ),
    )


def _rounds(sections: dict[str, Any], *, ranks: Ranks) -> dict[str, Any]:
    """What the episodes of validation and of calibration have in common."""
    episode, prompts = sections["episode"], sections["prompts"]
    return {
        "way": episode.way,
        "shot": episode.shot,
        "how": prompts.text_ensemble,
        "control": prompts.control,
        "ranks": ranks,
    }


def _check_test_split(store: ClipStore, *, way: int) -> None:
    """Raises DataError, before hours of training, if decoding left a test class without clips."""
    counts = {name: len(clips) for name, clips in store.classes("test").items()}
    check_feasible({"test": counts}, way=way, shot=1, query=1, split="test")


def _tracked(
    sections: dict[str, Section], tags: dict[str, str]
) -> AbstractContextManager[tracking.Run]:
    return tracking.stage_run(
        "train",
        params=sections,
        deps=[paths.FRAMES, paths.FEATURES, paths.PROMPTS, paths.WEIGHTS],
        outs=[paths.MODEL, paths.TRAIN_METRICS, paths.TRAIN_CURVES],
        tags=tags,
    )


def _spec(sections: dict[str, Any], *, train_classes: int) -> ModelSpec:
    """The specification of the model to train.

    If the test split selected the weights of `model.init_from`, the selection is "test" here too.
    """
    parts = ("backbone", "model", "frames", "prompts")
    spec = ModelSpec(
        **{name: sections[name] for name in parts},
        selection=sections["train"].selection,
        train_classes=train_classes,
    )
    if spec.model.init_from is None:
        return spec
    start = load_start(spec.model)
    _warn_of_differences(start, spec)
    return spec.model_copy(update={"selection": "test"}) if start.selection == "test" else spec


def _warn_of_differences(start: ModelSpec, spec: ModelSpec) -> None:
    """Warns, and raises no error, since fine-tuning may use other values on purpose."""
    lines = differences(start, spec)
    if lines:
        print(
            f"warning: the weights of model.init_from = {spec.model.init_from!r} were saved with "
            "other values, so they compute other results here (there: its config.json; here: "
            "params.yaml):\n" + "\n".join(f"  {line}" for line in lines),
            file=sys.stderr,
        )


def _initial_model(spec: ModelSpec, ranks: Ranks) -> FewShotModel:
    """The model with the weights of `model.init_from`; if null, with the backbone's weights.

    Says which training heads are not those of `model.init_from`.
    """
    init_from = spec.model.init_from
    model = build_model(spec, load_backbone_weights=init_from is None)
    if init_from is not None:
        for line in start_from(model, Path(init_from)):
            if ranks.first:
                print(f"train: model.init_from = {init_from!r}: {line}")
    return model


def _check_promises(model: FewShotModel, episode: EpisodeConfig) -> None:
    """Raises ConfigError, before hours of training, if the method breaks a promise."""
    spec = model.config
    sizes = Sizes(
        num_frames=spec.frames.num_segments,
        frame=model.feature_shape,
        text=model.channels,
        shot=min(episode.shot, 2),
        image_size=model.image_size if spec.model.needs.pixels else 0,
    )
    if len(model.feature_shape) > 1:  # a clip's maps and pixels take gigabytes and minutes
        sizes = replace(sizes, shot=1, way=2, query=2, episodes=1)
    name = spec.model.method
    check_logits(model.method, sizes, name=name)
    check_losses(model.method, sizes, name=name, train_classes=spec.train_classes)


def _fingerprint(store: ClipStore, sections: dict[str, Any]) -> str:
    """A hash of everything that determines the weights: data, texts, parameters, code, packages."""
    return value_hash(
        {
            "clips": store.identity,
            "prompts": file_hash(paths.PROMPTS),
            "weights": file_hash(paths.WEIGHTS),
            "parameters": as_values(sections),
            "code": code_hash(*training_code(sections["model"].method)),
            "packages": versions(TRAINING),
        }
    )[:32]


def as_values(sections: dict[str, Section]) -> dict[str, Any]:
    """The sections as plain values, as in params.yaml."""
    return {name: section.model_dump() for name, section in sections.items()}


def _write(model: FewShotModel, history: History) -> None:
    with atomic_folder(paths.MODEL) as folder:
        save_model(model, folder)
    with atomic_path(paths.TRAIN_CURVES) as path:
        path.write_text(history.csv(), encoding="utf-8")
    with atomic_path(paths.TRAIN_METRICS) as path:
        path.write_text(json.dumps(history.metrics(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    command.run(single_instance(main))
