"""What `clip-spm page` does: prepares what a window starts with, serves, leaves nothing behind."""

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spm.base.errors import ConfigError
from spm.base.printable import printable
from spm.page.limits import PageLimits
from spm.page.results import Builtin
from spm.page.session import WINDOWS, Sessions
from spm.page.work import Work, warm_up

MODEL = Path("data/model")
"""In a clone, after `make repro`."""
BUILTIN = "builtin"
_SOCKET_BYTES = 107
"""Of the path of a Unix socket, on Linux."""
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TQDM_DISABLE": "1",
}
"""Before gradio is imported: it sends nothing anywhere."""


def page(recognizer: Path | None, *, port: int | None, limits: PageLimits) -> int:
    """Serves the page until Ctrl-C. recognizer: its folder; None: the built-in one.

    Raises DataError for another folder, ConfigError where gradio is missing or the port is taken.
    """
    _set_environment()
    if port is not None:
        _check_port(port)
    _check_temporary_folder()
    with _folder() as root:
        os.environ["GRADIO_TEMP_DIR"] = str(root)
        _check_gradio()
        from spm.page.app import build, launch

        warm_up()
        start = prepare(root, recognizer)
        sessions = Sessions(root, start=start.known, limits=limits)
        blocks = build(sessions, start, limits=limits)
        try:
            address = launch(blocks, port=port, limits=limits)
        except OSError as error:  # taken since it was checked, or none is free
            raise ConfigError(f"the page cannot be served: {error}") from None
        print(f"the page: {address} (Ctrl-C ends it, and deletes what was uploaded)", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(file=sys.stderr)
        finally:
            blocks.close(verbose=False)
            sessions.close()
    return 0


def prepare(root: Path, recognizer: Path | None) -> Builtin:
    """What each window starts with, made in `root`."""
    if recognizer is not None:
        folder = recognizer.absolute()
        return Builtin(_done("spm.page.jobs.keep:open_folder", folder), {})
    model = MODEL.absolute() if (MODEL / "config.json").is_file() else None
    bare = "the tower in the package, not trained on clips"
    what = f"the model {printable(MODEL)}" if model else bare
    print(f"preparing the built-in recognizer: drawn clips, {what}", file=sys.stderr, flush=True)
    made: Builtin = _done("spm.page.jobs.builtin:build", root / BUILTIN, model)
    return made


def _done(job: str, *arguments: object) -> Any:
    work = Work(job, *arguments, turns=threading.Semaphore())
    steps = work.follow()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for all that is uploaded and made; it goes in the end, at SIGTERM too, and when the
    terminal is closed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    root = Path(tempfile.mkdtemp(prefix="clip-spm-page-")).resolve()
    (root / WINDOWS).mkdir()
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _set_environment() -> None:
    """Quiet, and nothing of gradio's by variables: they could open folders, or other addresses."""
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ.update(_QUIET)


def _check_port(port: int) -> None:
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        raise ConfigError(f"--port {port}: {error.strerror}: give another one") from None


def _check_temporary_folder() -> None:
    """Work starts its processes by a socket in the temporary folder, and a socket's path is
    short."""
    folder = tempfile.gettempdir()
    longest = f"{folder}/pymp-xxxxxxxx/listener-xxxxxxxx"  # as multiprocessing names it
    if len(os.fsencode(longest)) > _SOCKET_BYTES:
        raise ConfigError(
            f"the temporary folder {printable(folder)} has a path too long for a socket in it "
            f"({len(os.fsencode(longest))} bytes with its name, at most {_SOCKET_BYTES}): set "
            "TMPDIR to a folder with a shorter path, as TMPDIR=/tmp"
        )


def _check_gradio() -> None:
    try:
        import gradio  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"page needs the package {error.name}, which is not installed: "
            "pip install 'clip-spm[page]'"
        ) from None
