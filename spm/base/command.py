"""Setup and error handling of every command: UTF-8, a user with a home folder, short errors."""

import getpass
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from spm.base.errors import InputError
from spm.base.unwritable import explained


def run(main: Callable[[], int | None]) -> None:
    """Runs `main`; ends the process with the exit status that `main` returns if that is not 0.

    An error that the user can mend is printed in one sentence without a traceback, with exit status
    1; Ctrl-C in one word, with the shells' status for it, 130. File names, files and child
    processes use UTF-8 whatever the locale says.
    """
    _speak_utf8()
    print_anything()
    _be_somebody()
    try:
        status = main()
        sys.stdout.flush()
        if status:
            sys.exit(status)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{_name()}: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except InputError as error:
        sys.exit(f"{_name()}: error: {error}")
    except OSError as error:
        if (sentence := explained(error)) is None:
            raise
        sys.exit(f"{_name()}: error: {sentence}")


def print_anything() -> None:
    """From now on, characters that the output's encoding lacks are printed as escapes (\\u2026)."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _speak_utf8() -> None:
    """Restarts this command in Python's UTF-8 mode if the locale has another encoding.

    In Latin-1, Python reads the folder "café" as "cafÃ©", which would become the name of the class.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8":
        return
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _be_somebody() -> None:
    """Gives the process a user name and a home folder; a container's user may be a bare number.

    Some packages, and DVC in a grid, ask for both. They keep caches and settings in the home
    folder.
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
    """The name of the module that was started, for messages."""
    path = Path(sys.argv[0])
    return path.parent.name if path.stem == "__main__" else path.stem
