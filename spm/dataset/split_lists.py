"""Loading the files in data/splits that `dataset.split` and `dataset.lists` name.

`folder` is data/splits. The stage `manifest` depends on it, so that an edit is noticed.
"""

from pathlib import Path
from typing import Any

from spm.base.errors import ConfigError
from spm.base.on_disk import as_on_disk
from spm.base.yaml_file import read_yaml
from spm.config.dataset import FOLDERS, DatasetConfig, DrawnSplit
from spm.dataset.benchmarks import load_benchmark
from spm.dataset.own_clips import ClassLists
from spm.dataset.published_clips import Published
from spm.dataset.splits import SPLITS
from spm.dataset.video_lists import read_clips

Split = ClassLists | Published | None


def load(dataset: DatasetConfig, *, folder: Path) -> Split:
    """A file's class lists (data/splits/motion.yaml, say), or a benchmark's own split.

    None if the split is drawn or that of the folders. Raises ConfigError for a file or folder that
    is missing, lies outside `folder` or holds anything else.
    """
    if dataset.benchmark is not None:
        return _published(dataset.benchmark, lists=dataset.lists, folder=folder)
    if isinstance(dataset.split, DrawnSplit) or dataset.split == FOLDERS:
        return None
    return _class_lists(dataset.split, folder=folder)


def _published(name: str, *, lists: str | None, folder: Path) -> Published:
    benchmark = load_benchmark(name)
    if lists is None:
        if benchmark.lists != "optional":
            raise ConfigError(
                f"dataset.lists is null, but the clips of {benchmark.title} are a selection: put "
                f"its published lists into {folder / name} and name that folder"
            )
        return Published(name, benchmark, None)
    given = as_on_disk(Path(lists))
    _check_place(given, folder, said=f"dataset.lists = {lists!r}", what="the folder with the lists")
    if not given.is_dir():
        raise ConfigError(
            f"dataset.lists = {lists!r}: there is no such folder. Put the published lists of "
            f"{benchmark.title} there"
        )
    return Published(name, benchmark, read_clips(given, benchmark=benchmark))


def _class_lists(given: str, *, folder: Path) -> ClassLists:
    path = as_on_disk(Path(given))
    _check_place(path, folder, said=f"dataset.split = {given!r}", what="the file of class lists")
    if not path.is_file():
        raise ConfigError(
            f"dataset.split = {given!r}: there is no such file. Give a YAML file with the class "
            f"lists {', '.join(SPLITS)}, or how many classes to draw "
            "({seed: 0, train: 30, val: 6, test: 12}), or folders, where the data set's folder "
            "has these three"
        )
    return _checked(read_yaml(path), path=path)


def _check_place(path: Path, folder: Path, *, said: str, what: str) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"{said}: put {what} into {folder}, where an edit of it is noticed")


def _checked(document: dict[str, Any], *, path: Path) -> ClassLists:
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
