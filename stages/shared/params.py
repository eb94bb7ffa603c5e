"""Reading params.yaml. A stage names the sections that it reads; it gets these and no others.

dataset, frames = params.load(dataset=DatasetConfig, frames=FramesConfig)
"""

from pathlib import Path
from typing import Any

from spm.base.yaml_file import read_yaml
from spm.config.base import Section, validate
from spm.config.runtime import RuntimeConfig
from spm.config.sections import check_all

PARAMS = Path("params.yaml")


def load(path: Path = PARAMS, /, **sections: type[Section]) -> tuple[Any, ...]:
    """The named sections, in the order given.

    The whole file is checked first, so that a section which only a later stage reads is refused
    before this one works. Raises ConfigError that lists every problem.
    """
    document = read_yaml(path)
    check_all(document)
    return tuple(validate(section, document[name], name=name) for name, section in sections.items())


def load_runtime(path: Path = PARAMS) -> RuntimeConfig:
    """The section `runtime`, whatever the others hold: for commands that are no stage."""
    return validate(RuntimeConfig, read_yaml(path).get("runtime"), name="runtime")
