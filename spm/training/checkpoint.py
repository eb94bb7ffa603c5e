"""Training checkpoints: one folder for one set of inputs, one trainer at a time.

The folder is named by a fingerprint of everything that determines the weights, so a rerun finds
its own state and never somebody else's. A finished state stays: a run whose last step was lost
(killed between the last episode and DVC's bookkeeping) is not trained again.
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
    """The saved state of one training, held by this process."""

    def __init__(self, folder: Path) -> None:
        self.path, self._about = folder / _STATE, folder / _ABOUT

    @property
    def about(self) -> dict[str, Any]:
        """What `describe` was told."""
        if not self._about.is_file():
            return {}
        about: dict[str, Any] = json.loads(self._about.read_text(encoding="utf-8"))
        return about

    def describe(self, **about: Any) -> None:
        """Adds to what is known of this training: plain values, for people and for `make gc`."""
        with atomic_path(self._about) as path:
            text = json.dumps(self.about | about, indent=1, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")

    def remove(self) -> None:
        """Removes the folder, with the lock that this process holds."""
        for path in (self.path, self._about):
            path.unlink(missing_ok=True)
        discard(self.path.parent)

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the state in one step; a kill leaves the old or the new one."""
        with atomic_path(self.path) as path, open(path, "wb") as file:  # by itself, torch.save
            torch.save(state, file)  # does not say of a full disk that it is full

    def load(self) -> dict[str, Any] | None:
        """The saved state, on the CPU, or None. Raises DataError where the file is damaged."""
        if not self.path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever unpickling a damaged file raises
            raise DataError(
                f"the checkpoint {self.path} is damaged ({error}): delete it to train anew"
            ) from error
        return state


@contextmanager
def hold(folder: Path) -> Iterator[Checkpoint]:
    """The checkpoint in `folder`, locked while the block runs.

    Raises InputError that names the process which holds it. The lock goes with its process,
    however that ends. Killing `dvc` leaves the trainer that it started alive: it still holds it.
    """
    with locked(folder, message=_RUNS_ALREADY):
        yield Checkpoint(folder)
