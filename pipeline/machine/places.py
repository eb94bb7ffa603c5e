"""Where a machine keeps files that belong to no experiment: data sets, weights, the state folder.

`root` is the project's folder, absolute. An experiment runs in a copy of the project, which uses
the same places: `project_of` finds the project that a copy is of.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.machine.git_and_dvc import repository
from spm.base.errors import InputError
from spm.base.hashing import value_hash

RAW = Path("data/raw")
_PARAMS = "params.yaml"
_COPIES = Path(".dvc/tmp/exps")
_SQLITE = "sqlite:///"


def project_of(folder: Path) -> Path:
    """The project that DVC made the copy `folder` of; `folder` itself if it is no copy.

    `dvc exp run --temp` and `dvc queue start` clone the project's git repository into its folder
    .dvc/tmp/exps. If this folder is a link to elsewhere, DVC_ROOT, which DVC sets, names the
    project.
    """
    here, named = folder.resolve(), os.environ.get("DVC_ROOT")
    for dvc_root in [*reversed(here.parents), *([Path(named)] if named else [])]:
        if (dvc_root / _COPIES).resolve() in here.parents:
            theirs, ours = repository(dvc_root) or dvc_root, repository(here) or here
            return theirs / here.relative_to(ours)
    return folder


def check_project(folder: Path) -> None:
    """Raises InputError for a folder that is no project's: what it lacks no stage can make."""
    if not (folder / _PARAMS).is_file():
        raise InputError(
            f"{folder.absolute()} is no folder of a project, since it has no {_PARAMS}: cd to the "
            "project's folder, and run this there"
        )


def data_root(given: str | None, *, root: Path) -> Path:
    """The folder of the data sets: `given` (runtime.root), else CLIP_SPM_DATA, else data/raw."""
    place = given or os.environ.get("CLIP_SPM_DATA") or RAW
    return root / Path(place).expanduser()


def state_folder(*, root: Path) -> Path:
    """The folder of checkpoints and shards, which outlive the workspace: CLIP_SPM_STATE, else
    .state."""
    return root / (os.environ.get("CLIP_SPM_STATE") or ".state")


def hash_memory(state: Path) -> Path:
    """The file in which `spm.base.remembered_hash` keeps the hashes of weights files."""
    return state / "hashes.json"


def inventory_cache(folder: Path, *, state: Path) -> Path:
    """The cache file of `spm.dataset.inventory.scan` for the data set's folder."""
    return state / "inventory" / f"{value_hash(str(folder))[:16]}.parquet"


def tracking_place(uri: str, *, root: Path) -> str:
    """MLflow's `uri`; a database at a relative path is taken from `root`, not from a copy."""
    if not uri.startswith(_SQLITE) or uri.startswith(f"{_SQLITE}:memory:"):
        return uri
    return f"{_SQLITE}{root / uri.removeprefix(_SQLITE)}"


def outside_paths(parameters: Mapping[str, Any]) -> list[str]:
    """Values that may be paths of files or folders that no stage writes; weights may be a tag."""
    named = [(parameters.get("model"), "init_from"), (parameters.get("backbone"), "weights")]
    values = [section.get(key) for section, key in named if isinstance(section, Mapping)]
    return [value for value in values if isinstance(value, str)]


def link_outside(parameters: Mapping[str, Any], *, copy: Path, root: Path) -> None:
    """Links the `outside_paths` that git ignores to their places in a copy of the project."""
    for path in map(Path, outside_paths(parameters)):
        if not path.is_absolute() and not (copy / path).exists() and (root / path).exists():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # made by another copy, for a path with ..
                (copy / path).symlink_to(root / path)
