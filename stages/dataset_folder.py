"""Where the videos of a data set are: it belongs to the machine, not to the experiment."""

from pathlib import Path

from pipeline.places import data_root
from spm.config.dataset import BUILT_IN
from spm.config.runtime import RuntimeConfig
from stages import paths


def dataset_folder(name: str, *, runtime: RuntimeConfig) -> Path:
    """The folder of data set `name`. The built-in one is always where its stage writes it."""
    if name == BUILT_IN:
        return paths.RAW_BUILT_IN.absolute()
    return data_root(runtime.root, root=Path.cwd()) / name
