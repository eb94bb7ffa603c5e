"""Lets one process at a time run a stage in a project's folder.

A killed `dvc` leaves its running stage alive, and the next `dvc repro` starts the stage again.
Without a lock both processes would write the same outs, and DVC could record half-removed files.
"""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from spm.base.lock import locked

_LOCKS = Path(".dvc/tmp/stages")
_RUNS_ALREADY = (
    "this stage already runs, in process {process}: wait for it, or end it with `kill {process}`; "
    "then run dvc repro again"
)


def single_instance(main: Callable[[], None]) -> Callable[[], None]:
    """Wraps `main` of a stage: it raises InputError while another process runs the stage here.

    If torchrun starts several ranks of the stage (RANK is set), only rank 0 takes the lock.
    """
    stage = Path(main.__code__.co_filename).stem

    @wraps(main)
    def run() -> None:
        if os.environ.get("RANK", "0") != "0":
            main()
            return
        with locked(_LOCKS / stage, message=_RUNS_ALREADY):
            main()

    return run
