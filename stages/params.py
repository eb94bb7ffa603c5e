"""Reading params.yaml. A stage names the sections that it reads; it gets these and no others.

dataset, frames = params.load(dataset=DatasetConfig, frames=FramesConfig)
"""

from pathlib import Path
from typing import Any

from spm.config.base import Section, validate
from spm.errors import ConfigError
from spm.nearest import nearest
from spm.yaml_file import read_yaml

PARAMS = Path("params.yaml")


def load(path: Path = PARAMS, **sections: type[Section]) -> tuple[Any, ...]:
    """The named sections, checked, in the order given. Raises ConfigError."""
    return _checked(read_yaml(path), sections)


def load_all(path: Path = PARAMS, **sections: type[Section]) -> tuple[Any, ...]:
    """As `load`, where `sections` must be all that the file has."""
    document = read_yaml(path)
    problems = [_unknown(name, sections) for name in document if name not in sections]
    values: list[Any] = []
    for name, section in sections.items():
        try:
            values += _checked(document, {name: section})
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return tuple(values)


def _checked(document: dict[str, Any], sections: dict[str, type[Section]]) -> tuple[Any, ...]:
    return tuple(
        validate(section, document.get(name), name=name) for name, section in sections.items()
    )


def _unknown(name: str, sections: dict[str, type[Section]]) -> str:
    hint = nearest(name, sections, otherwise=f"Sections: {', '.join(sections)}")
    return f"{name} is not a section.{hint}"
