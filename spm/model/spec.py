"""config.json, the specification in a saved model folder.

Its keys are the fields of ModelSpec and the format number. spm.model.format explains the number,
and what to do when a parameter is added.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import SerializeAsAny, field_validator

from spm.base.atomic import atomic_path
from spm.base.errors import ConfigError, DataError
from spm.config.backbone import BackboneConfig
from spm.config.base import Section, validate
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig
from spm.config.prompts import PromptsConfig
from spm.model.format import FORMAT, KEY, as_today
from spm.model.remedy import remedy

FILE = "config.json"

_WITHOUT_EFFECT = {"weights", "batch_norm", "frozen", "train_last", "seed"}
"""Keys of `backbone` that change no feature once the weights are given."""


class ModelSpec(Section):
    """Rebuilds a model, and prepares clips and texts as in its training."""

    backbone: BackboneConfig
    model: SerializeAsAny[ModelConfig]
    """The section `model`, as the model's method declares it."""
    frames: FramesConfig
    prompts: PromptsConfig
    selection: Literal["validation", "test"]
    """The split that selected the weights: "test" also if it selected the initial weights."""
    train_classes: int | None
    """Number of training classes, for methods with parameters for each class; null: unknown, in
    folders of earlier versions."""

    @field_validator("model", mode="before")
    @classmethod
    def _of_its_method(cls, values: Any) -> Any:
        return validate(ModelConfig, values, name="model") if isinstance(values, dict) else values


def differences(saved: ModelSpec, used: ModelSpec) -> list[str]:
    """A line for each differing value of `backbone` and `model` that changes what weights compute.

    ["model.alpha: 0.228 there, 0.2 here"]
    """
    without_effect = {"backbone": _WITHOUT_EFFECT, "model": saved.model.without_effect}
    lines = []
    for section, keys in without_effect.items():
        theirs, ours = (getattr(spec, section).model_dump() for spec in (saved, used))
        lines += [
            f"{section}.{key}: {value!r} there, {ours.get(key)!r} here"
            for key, value in theirs.items()
            if key not in keys and value != ours.get(key)
        ]
    return lines


def save_spec(spec: ModelSpec, folder: Path) -> None:
    """Writes config.json."""
    values = {KEY: FORMAT} | spec.model_dump()
    with atomic_path(folder / FILE) as path:
        path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_spec(folder: Path) -> ModelSpec:
    """Reads config.json in the current or any older format.

    Raises DataError if the file is missing, is not JSON or was saved by a newer version;
    ConfigError for a value that is not allowed.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"{folder} is not a model folder: it has no {FILE}; {remedy(folder)}")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # from the JSON parser or the UTF-8 decoder
        raise DataError(f"{path} is damaged ({error}): {remedy(folder)}") from None
    if isinstance(values, dict):
        values = as_today(values, name=str(path))
    if isinstance(values, dict) and "model" in values:  # validated first: errors name `model`
        values["model"] = validate(ModelConfig, values["model"], name=f"{path}.model")
    return validate(ModelSpec, values, name=str(path))


def load_start(model: ModelConfig) -> ModelSpec:
    """The specification in the folder `model.init_from`. Raises ConfigError for another method."""
    assert model.init_from is not None
    start = load_spec(Path(model.init_from))
    if start.model.method != model.method:
        raise ConfigError(
            f"model.init_from = {model.init_from!r} is a model of {start.model.method}, and "
            f"model.method is {model.method}, which has no use for its weights: give a model "
            f"folder of {model.method}, or null"
        )
    return start
