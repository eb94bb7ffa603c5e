"""Training checkpoints: one folder for each training, used by one process at a time.

The folder's name is a fingerprint of everything that determines the weights, so a rerun finds the
state of the same training only. The checkpoint of a finished training stays: if the run is killed
before DVC has recorded its outs, the rerun does not train again.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from spm.base.atomic import atomic_path
from spm.base.errors import DataError
from spm.base.lock import discard, locked

_STATE = "state.pt"
_ABOUT = "about.json"
_RUNS_ALREADY = (
    "this training already runs, in process {process}: wait for it, or end it with "
    "`kill {process}`; then run dvc repro again, and it goes on from the last checkpoint"
)


class Checkpoint:
    """The saved state of one training. This process holds the folder's lock (`hold`)."""

    def __init__(self, folder: Path) -> None:
        self.path, self._about = folder / _STATE, folder / _ABOUT

    @property
    def about(self) -> dict[str, Any]:
        """The description of the training: all values that `describe` has saved."""
        if not self._about.is_file():
            return {}
        about: dict[str, Any] = json.loads(self._about.read_text(encoding="utf-8"))
        return about

    def describe(self, **about: Any) -> None:
        """Adds plain values to the description of the training, for people and for `make gc`."""
        with atomic_path(self._about) as path:
            text = json.dumps(self.about | about, indent=1, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")

    def remove(self) -> None:
        """Removes the folder and its lock."""
        for path in (self.path, self._about):
            path.unlink(missing_ok=True)
        discard(self.path.parent)

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the saved state atomically: a kill leaves the old state or the new one."""
        # On an open file, torch.save raises OSError for a full disk; on a path, a vague error.
        with atomic_path(self.path) as path, open(path, "wb") as file:
            torch.save(state, file)

    def load(self) -> dict[str, Any] | None:
        """The saved state on the CPU; None: nothing saved. Raises DataError for a damaged file."""
        if not self.path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # unpickling a damaged file may raise anything
            raise DataError(
                f"the checkpoint {self.path} is damaged ({error}): delete it to train anew"
            ) from error
        return state


@contextmanager
def hold(folder: Path) -> Iterator[Checkpoint]:
    """The checkpoint in `folder`, locked while the block runs.

    Raises InputError if another process holds the lock; the error names the process. The lock ends
    with the process that holds it, even if the process is killed. A killed `dvc` does not end the
    training that it started, so that training still holds the lock.
    """
    with locked(folder, message=_RUNS_ALREADY):
        yield Checkpoint(folder)
