"""Reads params.yaml. A stage names the sections that it needs, and gets only these.

dataset, frames = params.load(dataset=DatasetConfig, frames=FramesConfig)
"""

from pathlib import Path
from typing import Any

from pipeline.machine.places import check_project
from spm.base.yaml_file import read_yaml
from spm.config.base import Section, validate
from spm.config.runtime import RuntimeConfig
from spm.config.sections import check_all

PARAMS = Path("params.yaml")


def load(path: Path = PARAMS, /, **sections: type[Section]) -> tuple[Any, ...]:
    """The named sections, in the given order.

    Validates the whole file first, so that an error in a section of a later stage shows before
    this stage works. Raises ConfigError that lists every problem.
    """
    if not path.is_file():
        check_project(path.parent)
    document = read_yaml(path)
    check_all(document)
    return tuple(validate(section, document[name], name=name) for name, section in sections.items())


def load_runtime(path: Path = PARAMS) -> RuntimeConfig:
    """The section `runtime`, without validating the others; for commands that are not stages."""
    if not path.is_file():
        check_project(path.parent)
    return validate(RuntimeConfig, read_yaml(path).get("runtime"), name="runtime")
