"""Marks MLflow runs of killed processes as KILLED. The next run does this."""

import os
import socket
from typing import Any

TAG = "process"


def process_tag(process: int | None = None) -> dict[str, str]:
    """The MLflow tag that names this process, or another process of this machine."""
    return {TAG: f"{socket.gethostname()}:{process or os.getpid()}"}


def end_killed_runs(client: Any, experiment: str) -> None:
    """Sets runs to KILLED whose status is RUNNING and whose process on this machine has ended."""
    for run in client.search_runs([experiment], filter_string="attributes.status = 'RUNNING'"):
        host, _, process = run.data.tags.get(TAG, "").rpartition(":")
        if host == socket.gethostname() and not _is_alive(int(process)):
            client.set_terminated(run.info.run_id, "KILLED")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process belongs to another user
        return True
    return True
