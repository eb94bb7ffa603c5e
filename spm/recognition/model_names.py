"""A model folder by its path, or by a name as models:/clip-spm-motion@best, of another package.

A package knows names that begin with SCHEME:/ by an entry point of the group `clip_spm.models`:
SCHEME = "module:function", where function(name) returns the folder. So spm knows no MLflow.
"""

import re
from importlib.metadata import entry_points
from pathlib import Path

from spm.base.errors import ConfigError

GROUP = "clip_spm.models"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):/")


def model_folder(given: Path) -> Path:
    """`given`, if it is no name; else the folder of this name.

    Raises ConfigError if no package knows such names, and what the package raises.
    """
    named = _SCHEME.match(str(given))
    if named is None or given.exists():
        return given
    for point in entry_points(group=GROUP, name=named[1]):
        try:
            return Path(point.load()(str(given)))
        except ModuleNotFoundError as error:
            raise _unknown(given, f"the package {error.name} is not installed") from None
    raise _unknown(given, "nothing that is installed knows such names")


def _unknown(given: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"{given} is no folder, and {reason}: give a model folder, or run this in a clone of the "
        "project, after `pip install -e .[pipeline]`, with models:/NAME@ALIAS"
    )
