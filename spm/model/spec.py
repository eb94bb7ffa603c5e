"""What a saved model folder says about itself: config.json.

Its keys are those of ModelSpec and the number of its format (spm.model.format, which also says what
a new parameter needs).
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

FILE = "config.json"

_WITHOUT_EFFECT = {"weights", "batch_norm", "seed"}
"""Of `backbone`: what only building or training reads, not what given weights make of clips."""


class ModelSpec(Section):
    """All that is needed to rebuild a model and to prepare clips and texts as it saw them."""

    backbone: BackboneConfig
    model: SerializeAsAny[ModelConfig]
    """The section of its method."""
    frames: FramesConfig
    prompts: PromptsConfig
    selection: Literal["validation", "test"]
    """The split on which its weights were selected, or those that it was started from."""
    train_classes: int | None
    """How many classes it was trained on, for methods that learn one thing for each; null: unknown,
    in folders of earlier versions."""

    @field_validator("model", mode="before")
    @classmethod
    def _of_its_method(cls, values: Any) -> Any:
        return validate(ModelConfig, values, name="model") if isinstance(values, dict) else values


def differences(saved: ModelSpec, used: ModelSpec) -> list[str]:
    """A line for each value of backbone and model by which the same weights compute otherwise.

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
    """Reads config.json, of any format up to this version's.

    Raises DataError where it is missing, is not JSON or was saved by a newer version, ConfigError
    for a value that is not allowed.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"{folder} is not a model folder: it has no {FILE}")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of JSON or of UTF-8
        raise DataError(f"{path} is damaged: {error}") from None
    if isinstance(values, dict):
        values = as_today(values, name=str(path))
    if isinstance(values, dict) and "model" in values:  # first, so that an error names its key
        values["model"] = validate(ModelConfig, values["model"], name=f"{path}.model")
    return validate(ModelSpec, values, name=str(path))


def load_start(model: ModelConfig) -> ModelSpec:
    """What `model.init_from` says about itself. Raises ConfigError where its method is another."""
    assert model.init_from is not None
    start = load_spec(Path(model.init_from))
    if start.model.method != model.method:
        raise ConfigError(
            f"model.init_from = {model.init_from!r} is a model of {start.model.method}, and "
            f"model.method is {model.method}: its weights are of no use to it"
        )
    return start
