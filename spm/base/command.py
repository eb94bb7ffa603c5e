"""What every `python -m …` of the project does around its work."""

import getpass
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from spm.base.errors import InputError
from spm.base.unwritable import explained


def run(main: Callable[[], int | None]) -> None:
    """Runs `main`, and ends the process with the exit status that it returns, where that is not 0.

    What the user can mend is printed in a sentence without a traceback, with exit status 1. File
    names, files and child processes speak UTF-8 whatever the locale says.
    """
    _speak_utf8()
    print_anything()
    _be_somebody()
    try:
        if status := main():
            sys.exit(status)
    except InputError as error:
        sys.exit(f"{_name()}: error: {error}")
    except OSError as error:
        if (sentence := explained(error)) is None:
            raise
        sys.exit(f"{_name()}: error: {sentence}")


def print_anything() -> None:
    """From now on, what the output's encoding lacks is an escape (\\u2026) and no error."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _speak_utf8() -> None:
    """Where the locale has another encoding, starts this command once more in Python's UTF-8 mode.

    In Latin-1 the folder "café" is read as "cafÃ©", and this would be the name of the class.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8":
        return
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _be_somebody() -> None:
    """Packages, and DVC in a grid, want a user's name and home. In a container it may be a number.

    What they keep at home are caches and settings.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = str(os.getuid())
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = tempfile.gettempdir()
        print(
            f"warning: user {os.getuid()} has no home folder: set HOME to one that this user may "
            f"write; {os.environ['HOME']} is taken",
            file=sys.stderr,
        )


def _name() -> str:
    """Of the module that was started."""
    path = Path(sys.argv[0])
    return path.parent.name if path.stem == "__main__" else path.stem
