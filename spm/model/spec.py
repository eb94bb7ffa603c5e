"""What a saved model folder says about itself: config.json.

Its keys are those of ModelSpec and the number of its format (spm.model.format, which also says what
a new parameter needs).
"""

import json
from pathlib import Path
from typing import Literal

from spm.base.atomic import atomic_path
from spm.base.errors import DataError
from spm.config.backbone import BackboneConfig
from spm.config.base import Section, validate
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig
from spm.config.prompts import PromptsConfig
from spm.model.format import FORMAT, KEY, as_today

FILE = "config.json"

_WITHOUT_EFFECT = {
    "backbone": {"weights", "batch_norm", "seed"},
    "model": {
        *("init_from", "lambda3", "learn_lambda3", "lambda4", "consistency"),
        *("consistency_reduction", "attention_dropout", "dropout", "seed"),
    },
}
"""What only building or training reads: not what given weights make of clips and texts."""


class ModelSpec(Section):
    """All that is needed to rebuild a model and to prepare clips and texts as it saw them."""

    backbone: BackboneConfig
    model: ModelConfig
    frames: FramesConfig
    prompts: PromptsConfig
    selection: Literal["validation", "test"]
    """The split on which its weights were selected, or those that it was started from."""


def differences(saved: ModelSpec, used: ModelSpec) -> list[str]:
    """A line for each value of backbone and model by which the same weights compute otherwise.

    ["model.alpha: 0.228 there, 0.2 here"]
    """
    lines = []
    for section, without_effect in _WITHOUT_EFFECT.items():
        theirs, ours = (getattr(spec, section).model_dump() for spec in (saved, used))
        lines += [
            f"{section}.{key}: {value!r} there, {ours[key]!r} here"
            for key, value in theirs.items()
            if key not in without_effect and value != ours[key]
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
    return validate(ModelSpec, values, name=str(path))
