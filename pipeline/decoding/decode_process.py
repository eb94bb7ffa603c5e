"""Starting, asking and ending one pipeline.decoding.decode_worker.

A plain subprocess and a socket pair, not multiprocessing: nothing of the caller's `__main__` is
imported, and a Dask worker, which may have no children of multiprocessing, can hold one.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from socket import socketpair
from typing import IO

import psutil

from pipeline.decoding import decode_worker
from pipeline.decoding.clip_channel import ClipChannel
from pipeline.machine.child_python import environment

_START_SECONDS = 180  # 0.5 s on a quiet machine
_END_SECONDS = 10
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class DecodeProcess:
    """A worker that is ready for requests.

    `channel` ends (EOFError, ConnectionError) when the worker does. Raises RuntimeError where it
    does not start.
    """

    channel: ClipChannel

    def __init__(self, *, alarm_seconds: float) -> None:
        ours, theirs = socketpair()
        self.channel = ClipChannel(Connection(ours.detach()), os.memfd_create("clip"))
        with theirs, os.fdopen(os.memfd_create("log of a reader"), "w+b") as log:
            shared = [theirs.fileno(), self.channel.pixels]
            self._process = subprocess.Popen(
                [sys.executable, "-m", decode_worker.__name__, *map(str, (*shared, alarm_seconds))],
                pass_fds=shared,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environment() | _ONE_THREAD,
            )
            theirs.close()  # or the worker's end would be no end of the connection
            self._wait(log)

    def memory_mb(self) -> float:
        """What it has in memory now; 0 once it has ended."""
        try:
            return float(psutil.Process(self._process.pid).memory_info().rss) / 2**20
        except psutil.NoSuchProcess:
            return 0.0

    def exit_signal(self) -> signal.Signals | None:
        """What ended the worker, once the channel has ended; None where it was no signal."""
        try:
            status = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # it lost the channel, and lives
            return None
        return signal.Signals(-status) if status < 0 else None

    def kill(self) -> None:
        """Ends it, whatever it does. One that waits for a disk goes when the disk answers."""
        self.channel.connection.close()
        os.close(self.channel.pixels)
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)

    def _wait(self, log: IO[bytes]) -> None:
        with suppress(EOFError, ConnectionError):
            if self.channel.connection.poll(_START_SECONDS):
                self.channel.connection.recv()  # decode_worker.READY
                return
        self.kill()
        log.seek(0)
        words = log.read().decode(errors="replace").strip()
        raise RuntimeError(f"the process that reads clips did not start: {words or 'no word'}")
