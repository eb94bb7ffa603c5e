"""Reading params.yaml. A stage names the sections that it reads; it gets these and no others.

dataset, frames = params.load(dataset=DatasetConfig, frames=FramesConfig)
"""

import difflib
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from spm.config.base import Section, validate
from spm.errors import ConfigError

PARAMS = Path("params.yaml")


def load(path: Path = PARAMS, **sections: type[Section]) -> tuple[Any, ...]:
    """The named sections, checked, in the order given. Raises ConfigError."""
    document = read(path)
    return tuple(
        validate(section, document.get(name), name=name) for name, section in sections.items()
    )


def load_all(path: Path = PARAMS, **sections: type[Section]) -> tuple[Any, ...]:
    """As `load`, where `sections` must be all that the file has."""
    problems = [_unknown(name, sections) for name in read(path) if name not in sections]
    for name, section in sections.items():
        try:
            load(path, **{name: section})
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return load(path, **sections)


def read(path: Path = PARAMS) -> dict[str, Any]:
    """The file as a plain dict. YAML 1.2, as DVC writes it: `3e-05` is a number."""
    try:
        document = YAML(typ="safe", pure=True).load(path)
    except YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold sections (dataset:, frames:, …); got {document!r}")
    return document


def _unknown(name: str, sections: dict[str, type[Section]]) -> str:
    close = difflib.get_close_matches(name, sections, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}?" if close else f"Sections: {', '.join(sections)}"
    return f"{name} is not a section. {hint}"
