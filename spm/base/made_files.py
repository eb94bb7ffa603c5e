"""Reading files that a stage made: a missing or damaged one is an error that names the stage.

with made_by("manifest", path):
    table = pq.read_table(path)
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spm.base.errors import DataError, InputError


@contextmanager
def made_by(stage: str, path: Path) -> Iterator[None]:
    """Turns what the block raises because of `path`, which `stage` makes, into DataError.

    The block reads the file and looks at what must be in it, and does nothing else.
    """
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path} is missing: build it with dvc repro {stage}") from None
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(
            f"{path} is damaged ({said}). Build it again: dvc repro -f -s {stage}"
        ) from error


def read_json(path: Path, *, stage: str) -> dict[str, Any]:
    """The JSON object that `stage` wrote. Raises DataError for a missing or damaged file."""
    with made_by(stage, path):
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise TypeError(f"a JSON object was expected, not {type(values).__name__}")
    return values
