"""Does what the worst of real files do to the process that reads them.

First on PYTHONPATH, Python runs it at its start in the decoding processes: PyAV then does what the
name of the clip says, and opens every other clip as it is.
"""

import ctypes
import errno
import os
import signal
import time
from pathlib import Path

import av

_open = av.open


def _open_faulty(file, *args, **kwargs):
    fault = Path(file).stem.split("_")[0]
    if fault in _FAULTS:
        _FAULTS[fault](Path(file))
    return _open(file, *args, **kwargs)


def _hang(path):
    """Nothing of Python runs meanwhile, no thread and no signal handler."""
    ctypes.PyDLL(None).sleep(3600)


def _grow(path):
    kept = []
    while True:
        kept.append(b"1" * (1 << 24))


def _hang_once(path):
    if _is_first(path):
        time.sleep(3600)


def _crash_once(path):
    if _is_first(path):
        os.abort()


def _is_first(path):
    """Whether the clip is read for the first time; leaves a mark beside the clip's folder."""
    mark = path.parents[1] / f"{path.stem}.seen"
    seen = mark.exists()
    mark.touch()
    return not seen


def _slow(path):
    time.sleep(0.3)


def _no_memory(path):
    raise av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory")


def _let_go(path):
    os.closerange(3, 256)
    time.sleep(3600)


def _bug(path):
    raise KeyError("of a library")


_FAULTS = {
    "segfault": lambda path: ctypes.string_at(0),
    "abort": lambda path: os.abort(),
    "exit": lambda path: os._exit(3),
    "killed": lambda path: os.kill(os.getpid(), signal.SIGKILL),
    "ended": lambda path: os.kill(os.getpid(), signal.SIGTERM),
    "slow": _slow,
    "hang": _hang,
    "nomemory": _no_memory,
    "letgo": _let_go,
    "grow": _grow,
    "hangonce": _hang_once,
    "crashonce": _crash_once,
    "bug": _bug,
}

av.open = _open_faulty
