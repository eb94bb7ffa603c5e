"""Jobs of the tests: each a function as those in spm.page.jobs."""

import os
import subprocess
import time
from pathlib import Path

from spm.base.errors import DataError
from spm.page.results import Progress
from spm.page.work import Report


def adding(a: int, b: int, *, report: Report) -> int:
    report(Progress("adding", 0.5))
    return a + b


def refusing(*, report: Report) -> None:
    raise DataError("this is no clip")


def failing(*, report: Report) -> None:
    raise ZeroDivisionError("inside")


def dying(*, report: Report) -> None:
    os._exit(9)


def endless(file: Path, *, report: Report) -> None:
    """Starts a child that would go on without it; writes both pids."""
    child = subprocess.Popen(["sleep", "600"])
    file.write_text(f"{os.getpid()} {child.pid}", encoding="utf-8")
    report(Progress("begun"))
    time.sleep(600)
