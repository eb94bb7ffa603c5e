"""The worker: a process that reads clips, so that a file that crashes it crashes nothing else.

spm.isolation.decode_process starts and watches it. A request is a path and a FramesConfig, or a
LongRequest; the answer is pictures or an exception. The worker imports no more than reading needs,
because it is started anew after every crash, and it ends when its parent ends.
"""

import os
import resource
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from spm.base.errors import DataError, TransientError
from spm.isolation.clip_channel import ClipChannel, Pictures
from spm.isolation.long_part import LongRequest
from spm.isolation.long_reader import LongReader
from spm.video.reading import read_clip

READY = "ready"

_OUT_OF_MEMORY = TransientError("out of memory: the decoder got no more")
_OUT_OF_MEMORY_SCORE = Path("/proc/self/oom_score_adj")


def _serve(channel: ClipChannel, *, alarm_seconds: float) -> None:
    """Answers requests until the parent closes the connection, or is gone.

    If a clip hangs, the parent ends this process; if the parent is gone, the alarm does.
    """
    channel.connection.send(READY)
    long = LongReader()
    while True:
        request = channel.connection.recv()
        signal.setitimer(signal.ITIMER_REAL, alarm_seconds)
        answer = _read(request, long=long)
        signal.setitimer(signal.ITIMER_REAL, 0)
        channel.send(answer)


def _read(request: tuple[Any, ...], *, long: LongReader) -> Pictures | Exception:
    """The pictures, or an error: DataError if the file is at fault, any other if the machine is."""
    try:
        if isinstance(request[0], LongRequest):
            return long.read(request[0])
        path, frames = request
        return read_clip(path, frames=frames)
    except (DataError, OSError, ImportError) as error:
        return _OUT_OF_MEMORY if isinstance(error.__cause__, MemoryError) else error
    except MemoryError:
        return _OUT_OF_MEMORY
    except Exception as error:  # a library's, caused by a damaged file
        return DataError(f"the reader failed: {type(error).__name__}: {error}")


def _stand_back() -> None:
    """Lets Linux kill this process first if memory runs out; silences stderr, ignores Ctrl-C."""
    if _OUT_OF_MEMORY_SCORE.exists():
        _OUT_OF_MEMORY_SCORE.write_text("1000", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    import av  # noqa: F401  now, not within the first clip's time limit
    import PIL.Image  # noqa: F401

    _stand_back()
    with suppress(EOFError, ConnectionError):  # the parent has no more clips, or is gone
        connection, pixels, alarm_seconds = sys.argv[1:]
        channel = ClipChannel(Connection(int(connection)), int(pixels))
        _serve(channel, alarm_seconds=float(alarm_seconds))
