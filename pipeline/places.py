"""Where a machine keeps what is no part of an experiment: the data sets, and the state folder.

`root` is the project's folder, absolute: a copy of the project finds the same places.
"""

import os
from pathlib import Path

from spm.hashing import value_hash

RAW = Path("data/raw")


def data_root(given: str | None, *, root: Path) -> Path:
    """The folder of the data sets: `given` (runtime.root), else CLIP_SPM_DATA, else data/raw."""
    place = given or os.environ.get("CLIP_SPM_DATA") or RAW
    return root / Path(place).expanduser()


def state_folder(*, root: Path) -> Path:
    """What outlives the workspace, checkpoints and shards: CLIP_SPM_STATE, else .state."""
    return root / (os.environ.get("CLIP_SPM_STATE") or ".state")


def hash_memory(state: Path) -> Path:
    """Where `spm.remembered_hash` keeps the hashes of weights files."""
    return state / "hashes.json"


def inventory_cache(folder: Path, *, state: Path) -> Path:
    """Where `spm.inventory.scan` of a data set's folder keeps what it has read."""
    return state / "inventory" / f"{value_hash(str(folder))[:16]}.parquet"
