"""Where the videos of a data set are: it belongs to the machine, not to the experiment."""

from pathlib import Path

from pipeline.machine.places import data_root, project_of
from spm.base.on_disk import as_on_disk
from spm.config.dataset import BUILT_IN
from spm.config.runtime import RuntimeConfig
from stages.shared import paths


def dataset_folder(name: str, *, runtime: RuntimeConfig) -> Path:
    """The folder of data set `name`. The built-in one is always where its stage writes it.

    A copy of the project that DVC made has one of its own where DVC tracks the data set, and else
    the project's.
    """
    here = Path.cwd()
    if name == BUILT_IN:
        return paths.RAW_BUILT_IN.absolute()
    own = as_on_disk(data_root(runtime.root, root=here) / name)
    if own.is_dir():
        return own
    return as_on_disk(data_root(runtime.root, root=project_of(here)) / name)
