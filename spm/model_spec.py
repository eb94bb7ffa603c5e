"""What a saved model folder says about itself: config.json."""

import json
from pathlib import Path
from typing import Literal

from spm.atomic import atomic_path
from spm.config.backbone import BackboneConfig
from spm.config.base import Section, validate
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig
from spm.config.prompts import PromptsConfig
from spm.errors import DataError

FILE = "config.json"


class ModelSpec(Section):
    """All that is needed to rebuild a model and to prepare clips and texts as it saw them."""

    backbone: BackboneConfig
    model: ModelConfig
    frames: FramesConfig
    prompts: PromptsConfig
    selection: Literal["validation", "test"]
    """The split on which its weights were selected, or those that it was started from."""


def save_spec(spec: ModelSpec, folder: Path) -> None:
    """Writes config.json."""
    with atomic_path(folder / FILE) as path:
        path.write_text(json.dumps(spec.model_dump(), indent=2, sort_keys=True) + "\n")


def load_spec(folder: Path) -> ModelSpec:
    """Reads config.json. Raises DataError where it is missing or not JSON, ConfigError else."""
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"{folder} is not a model folder: it has no {FILE}")
    try:
        values = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is damaged: {error}") from None
    return validate(ModelSpec, values, name=str(path))
