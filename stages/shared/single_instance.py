"""One process at a time for each stage of a project's folder.

Killing `dvc` leaves the stage alive that it started. Run again, DVC starts a second one: without
this, both would write the same outs, and DVC could record what the first has just half removed.
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
    """`main` of a stage, which raises InputError while another process runs it in this folder.

    Of processes that are ranks of one stage (RANK is set, as by torchrun), the first holds it.
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
