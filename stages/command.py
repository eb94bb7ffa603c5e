"""What every stage's `python -m stages.<name>` does around its work."""

import sys
from collections.abc import Callable

from spm.errors import InputError


def run(stage: Callable[[], None]) -> None:
    """Runs `stage`. What the user can mend is printed without a traceback, with exit status 1."""
    try:
        stage()
    except InputError as error:
        name = stage.__module__ if stage.__module__ != "__main__" else sys.argv[0]
        sys.exit(f"{name.rsplit('/', 1)[-1].removesuffix('.py')}: error: {error}")
