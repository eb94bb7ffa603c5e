"""`make gc`: empties the state folder of what the current results do not need.

Shards that data/frames does not name, and the checkpoints of finished or abandoned trainings. A
training that runs is left alone, and so is what was written within the last hour: another clone
that shares the state folder may need it. MLflow's runs and DVC's cache have commands of their own.
"""

import time
from pathlib import Path

import pyarrow.parquet as pq

from spm.checkpoint import hold
from spm.errors import InputError
from spm.frame_store import INDEX
from spm.lock import locked
from stages import command, paths

_INDEX = paths.FRAMES / INDEX
_FRESH_SECONDS = 3600
_GRID_RUNS = (
    "a grid runs, in process {process}, and its points need shards and checkpoints that no result "
    "here names: wait for it or end it, then make gc"
)


def main() -> None:
    state = paths.state_dir()
    with locked(state / "experiments", message=_GRID_RUNS):
        freed = _remove_shards(state / "shards") + _remove_checkpoints(state / "checkpoints")
        freed += _remove_leftovers(state / "shards") + _remove_leftovers(state / "checkpoints")
    print(f"gc: {freed / 1e6:.0f} MB freed in {state}")


def _remove_shards(store: Path) -> int:
    """A shard that DVC's cache holds as well takes no space of its own, and is counted as 0."""
    if not _INDEX.is_file():
        raise InputError(f"{_INDEX} is missing, so no shard can be told from another: dvc repro")
    used = set(pq.read_table(_INDEX, columns=["shard"])["shard"].to_pylist())
    unused = [path for path in store.glob("*.h5") if path.name not in used]
    return sum(_remove(path) for path in unused if not _is_fresh(path))


def _remove_leftovers(folder: Path) -> int:
    """Temporary files of writers that were killed; one that is fresh may be written just now."""
    return sum(_remove(path) for path in folder.rglob(".*.tmp") if not _is_fresh(path))


def _remove_checkpoints(folder: Path) -> int:
    freed = 0
    for training in folder.glob("*"):
        try:
            with hold(training) as checkpoint:
                if checkpoint.path.is_file():
                    freed += _remove(checkpoint.path)
        except InputError as running:
            print(f"gc: {training.name} is kept: {running}")
    return freed


def _is_fresh(path: Path) -> bool:
    return time.time() - path.stat().st_mtime < _FRESH_SECONDS


def _remove(path: Path) -> int:
    found = path.stat()
    path.unlink()
    return found.st_size if found.st_nlink == 1 else 0


if __name__ == "__main__":
    command.run(main)
