"""Reading a file of class lists, as data/splits/motion.yaml: the keys train, val and test."""

from pathlib import Path
from typing import Any

from spm.config.dataset import DatasetConfig
from spm.errors import ConfigError
from spm.splits import SPLITS
from spm.yaml_file import read_yaml
from stages import paths


def load(dataset: DatasetConfig) -> dict[str, list[str]] | None:
    """Split -> classes, from the file `dataset.split`; None where the split is drawn.

    Raises ConfigError for a file that is missing or holds anything else.
    """
    if not isinstance(dataset.split, str):
        return None
    path = Path(dataset.split)
    if not path.resolve().is_relative_to(paths.SPLITS.resolve()):
        raise ConfigError(
            f"dataset.split = {dataset.split!r}: put the file of class lists into {paths.SPLITS}, "
            "where an edit of it is noticed"
        )
    if not path.is_file():
        raise ConfigError(
            f"dataset.split = {dataset.split!r}: there is no such file. Give a YAML file with the "
            f"class lists {', '.join(SPLITS)}, or how many classes to draw "
            "({seed: 0, train: 30, val: 6, test: 12})"
        )
    return _checked(read_yaml(path), path=path)


def _checked(document: dict[str, Any], *, path: Path) -> dict[str, list[str]]:
    if set(document) != set(SPLITS):
        raise ConfigError(
            f"{path} must have the keys {', '.join(SPLITS)} and no others; it has "
            f"{', '.join(map(str, document))}"
        )
    for split, classes in document.items():
        if not isinstance(classes, list):
            raise ConfigError(f"{path}: {split} must be a list of class names; got {classes!r}")
        for name in classes:
            if not isinstance(name, str):
                raise ConfigError(
                    f"{path}: {split} has {name!r}, which YAML reads as no text: quote it"
                )
    return document
