"""The environment of Python processes that run this project's code, wherever they are started."""

import os
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent


def environment() -> dict[str, str]:
    """This process's environment, with the project first on PYTHONPATH."""
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}
