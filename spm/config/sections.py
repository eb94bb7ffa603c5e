"""Every section of params.yaml, and the check of the whole file.

Each stage runs the check before it works. The check can only refuse, so no stage has this module as
a dep: a stage imports each section that it reads from the section's own module.
"""

from typing import Any

from spm.base.errors import ConfigError
from spm.base.nearest import nearest
from spm.config.backbone import BackboneConfig
from spm.config.base import Section, validate
from spm.config.dataset import DatasetConfig
from spm.config.dotted import flatten
from spm.config.episode import EpisodeConfig
from spm.config.evaluate import EvaluateConfig
from spm.config.features import FeaturesConfig
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig, too_few_frames
from spm.config.problems import nameless
from spm.config.prompts import PromptsConfig
from spm.config.report import ReportConfig
from spm.config.runtime import RuntimeConfig
from spm.config.train import TrainConfig

SECTIONS: dict[str, type[Section]] = {
    "dataset": DatasetConfig,
    "frames": FramesConfig,
    "prompts": PromptsConfig,
    "episode": EpisodeConfig,
    "backbone": BackboneConfig,
    "features": FeaturesConfig,
    "model": ModelConfig,
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "report": ReportConfig,
    "runtime": RuntimeConfig,
}


MOVED = {
    "model.text_ensemble": "prompts.text_ensemble",
    "dataset.motion.seed": "dataset.generator.seed",
    "dataset.motion.clips_per_class": "dataset.generator.clips_per_class",
}
"""Where a parameter stood in earlier versions, and where it stands now."""
REMOVED = {"backbone.embed_dim": "every tower has a C of its own"}
"""Parameters of earlier versions, and why they are gone."""
ADDED = {
    "backbone.frozen": "false",
    "backbone.train_last": "null",
    "train.optimizer": "adam",
    "train.momentum": "0.0",
    "train.nesterov": "false",
    "train.decay_norms": "true",
    "train.decay_biases": "true",
    "train.warmup": "0",
    "train.warmup_factor": "0.1",
    "train.schedule": "constant",
    "train.milestones": "[]",
    "train.factors": "[]",
    "train.final_factor": "0.0",
    "evaluate.max_cache_mb": "null",
    "evaluate.unknown_episodes": "0",
    "evaluate.unknown_query": "5",
}
"""Parameters that earlier versions did not have, and what does the same as those versions."""
ADDED_SECTIONS = {
    "features": "features: {stored: true, kind: vectors, views: 4, storage: float32, seed: 0}",
}
"""Sections that earlier versions did not have. Their values change nothing that those could do."""


def check_all(document: dict[str, Any]) -> None:
    """Checks that `document`, the content of params.yaml, has every section and each is valid.

    Raises ConfigError that lists every problem, one per line.
    """
    check_earlier(document)
    problems = [_unknown(name) for name in document if name not in SECTIONS]
    for name, section in SECTIONS.items():
        try:
            validate(section, document.get(name), name=name)
        except ConfigError as error:
            problems.append(str(error))
    problems = problems or _between_sections(document)
    if problems:
        raise ConfigError("\n".join(problems))


def check_ranks(train: TrainConfig, *, ranks: int) -> None:
    """Raises ConfigError if `ranks` processes, on all machines, cannot share an optimizer step."""
    parts = train.accumulate // train.episodes_per_forward
    if train.episodes and ranks > parts:
        raise ConfigError(
            f"an optimizer step is {parts} forward passes (train.accumulate / "
            f"train.episodes_per_forward), so {ranks - parts} of {ranks} ranks would have nothing "
            f"to do: set runtime.devices so that there are {parts} ranks or fewer"
        )


def check_earlier(document: dict[str, Any]) -> None:
    """Raises ConfigError for parameters of earlier versions, and for those that they did not have.

    It says where a parameter stands now, and which line does what earlier versions did.
    """
    given = flatten(document)
    problems = [_moved(old, new) for old, new in MOVED.items() if old in given]
    problems += [
        f"{old} is gone, since {why}: remove the line"
        for old, why in REMOVED.items()
        if old in given
    ]
    problems += [
        _added(new)
        for new in ADDED
        if new not in given and isinstance(document.get(new.split(".")[0]), dict)
    ]
    problems += [
        f"the section {name} is missing: add `{line}`, which does what earlier versions did"
        for name, line in ADDED_SECTIONS.items()
        if name not in document
    ]
    if problems:
        raise ConfigError("\n".join(problems))


def _unknown(name: Any) -> str:
    if not isinstance(name, str):
        return nameless(name, section="the sections")
    hint = nearest(name, SECTIONS, otherwise=f"Sections: {', '.join(SECTIONS)}")
    return f"{name} is not a section.{hint}"


def _between_sections(document: dict[str, Any]) -> list[str]:
    """Values that do not fit those of another section. All sections are valid."""
    sections: dict[str, Any] = {
        name: validate(section, document[name], name=name) for name, section in SECTIONS.items()
    }
    return [
        *_clips_too_short(sections["frames"], sections["model"]),
        *_control_without_effect(sections["prompts"], sections["model"]),
        *_pixels_without_clips(sections["backbone"], sections["features"], sections["model"]),
        *_execution_without_effect(sections["backbone"], sections["train"], sections["runtime"]),
        *_idle_ranks(sections["train"], sections["runtime"]),
        *_compiled_and_recomputed(sections["train"], sections["runtime"]),
    ]


def _clips_too_short(frames: FramesConfig, model: ModelConfig) -> list[str]:
    """Fewer frames of a clip than the method takes."""
    said = too_few_frames(model, num_frames=frames.num_segments)
    return [said] if said else []


def _control_without_effect(prompts: PromptsConfig, model: ModelConfig) -> list[str]:
    """The control of texts, where the method takes none."""
    if prompts.control == "none" or model.needs.text:
        return []
    return [
        f"prompts.control = {prompts.control!r} changes nothing: {model.method} with these values "
        "takes no class texts. Set prompts.control to none"
    ]


def _pixels_without_clips(
    backbone: BackboneConfig, features: FeaturesConfig, model: ModelConfig
) -> list[str]:
    """A loss on the clips' pixels, where training reads stored features in place of clips."""
    frozen = backbone.frozen or backbone.train_last is not None
    if not (model.needs.pixels and features.is_used_by(has_frozen_part=frozen)):
        return []
    return [
        f"{model.method} with these values learns from the clips' pixels, and with features.stored "
        "training reads none: set features.stored to false, or the weight of that loss to 0"
    ]


def _execution_without_effect(
    backbone: BackboneConfig, train: TrainConfig, runtime: RuntimeConfig
) -> list[str]:
    """What concerns the training of the tower, where the tower, or a part of it, is not trained."""
    problems = []
    if train.compile and (backbone.frozen or backbone.train_last is not None):
        value = "frozen: true" if backbone.frozen else f"train_last: {backbone.train_last}"
        problems.append(
            "train.compile compiles a visual tower that is trained whole, and this one is not "
            f"(backbone.{value}): set train.compile to false"
        )
    if runtime.activation_checkpointing and backbone.frozen:
        problems.append(
            "runtime.activation_checkpointing changes nothing: the training of a frozen tower "
            "(backbone.frozen: true) keeps no activations of it. Set it to false"
        )
    return problems


def _idle_ranks(train: TrainConfig, runtime: RuntimeConfig) -> list[str]:
    """More processes on this machine than an optimizer step has forward passes."""
    try:
        check_ranks(train, ranks=runtime.devices)
    except ConfigError as error:
        return [str(error)]
    return []


def _compiled_and_recomputed(train: TrainConfig, runtime: RuntimeConfig) -> list[str]:
    if not (train.compile and runtime.activation_checkpointing):
        return []
    return [
        "train.compile and runtime.activation_checkpointing do not go together: torch.compile "
        "decides by itself what it keeps. Set one of them to false"
    ]


def _moved(old: str, new: str) -> str:
    section, key = new.rsplit(".", 1)
    return f"{old} stands in the section {section} now: move the line `{key}: …` there"


def _added(new: str) -> str:
    line = f"{new.rsplit('.', 1)[1]}: {ADDED[new]}"
    return f"{new} is missing: add the line `{line}`, which does what earlier versions did"
