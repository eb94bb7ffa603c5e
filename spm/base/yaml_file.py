"""Reading a YAML file that a person wrote."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError

from spm.base.errors import ConfigError


def read_yaml(path: Path) -> dict[str, Any]:
    """The file as a plain dict. YAML 1.2, as DVC writes it: `3e-05` is a number.

    Raises ConfigError for a file that cannot be read, is not YAML or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    return parse_yaml(text, name=str(path))


def parse_yaml(text: str, *, name: str) -> dict[str, Any]:
    """As `read_yaml`, of the text of the file `name`."""
    try:
        document = YAML(typ="safe", pure=True).load(text)
    except DuplicateKeyError as error:
        raise ConfigError(f"{name}: {_twice(error)}") from None
    except RecursionError:
        raise ConfigError(
            f"{name} is nested too deeply to be read: it must hold keys and values, as the file "
            "in the repository"
        ) from None
    except YAMLError as error:
        raise ConfigError(f"{name} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{name} must hold keys and values; got {document!r}")
    return document


def _twice(error: DuplicateKeyError) -> str:
    """ruamel's error without its advice to suppress the check."""
    line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
    return f"{line}{error.problem}: a key stands once, so remove one of the two"
