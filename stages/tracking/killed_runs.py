"""MLflow runs whose process was killed: it could not say so itself, so the next run does."""

import os
import socket
from typing import Any

TAG = "process"


def process_tag(process: int | None = None) -> dict[str, str]:
    """Names this process, or another of this machine, for a later one to ask after it."""
    return {TAG: f"{socket.gethostname()}:{process or os.getpid()}"}


def end_killed_runs(client: Any, experiment: str) -> None:
    """Sets the runs of this machine that count as running, and do not, to KILLED."""
    for run in client.search_runs([experiment], filter_string="attributes.status = 'RUNNING'"):
        host, _, process = run.data.tags.get(TAG, "").rpartition(":")
        if host == socket.gethostname() and not _is_alive(int(process)):
            client.set_terminated(run.info.run_id, "KILLED")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
