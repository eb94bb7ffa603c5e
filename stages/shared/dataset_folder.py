"""Finds the folder of a data set's videos, which depends on the machine, not on the experiment."""

from pathlib import Path

from pipeline.machine.places import data_root, project_of
from spm.base.on_disk import as_on_disk
from spm.config.dataset import BUILT_IN
from spm.config.runtime import RuntimeConfig
from stages.shared import paths


def dataset_folder(name: str, *, runtime: RuntimeConfig) -> Path:
    """The folder of data set `name`; for a built-in data set, the out of the stage `clips`.

    DVC's copy of the project uses its own folder if DVC tracks the data set, else the project's.
    """
    here = Path.cwd()
    if name in BUILT_IN:
        return paths.BUILT_IN_CLIPS.absolute()
    own = as_on_disk(data_root(runtime.root, root=here) / name)
    if own.is_dir():
        return own
    return as_on_disk(data_root(runtime.root, root=project_of(here)) / name)
