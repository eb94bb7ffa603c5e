"""Starting, asking and ending one spm.isolation.decode_worker.

A plain subprocess and a socket pair replace multiprocessing: the worker does not import the
caller's `__main__`, and a Dask worker, which may not start children by multiprocessing, can start
it.
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

from spm.base.child_python import environment
from spm.isolation import decode_worker
from spm.isolation.clip_channel import ClipChannel

_START_SECONDS = 180  # 0.5 s on a quiet machine
_END_SECONDS = 10
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class DecodeProcess:
    """A worker that is ready for requests.

    When the worker ends, `channel` raises EOFError or ConnectionError. Raises RuntimeError if the
    worker does not start.
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
            theirs.close()  # else the connection would outlive the worker
            self._wait(log)

    def memory_mb(self) -> float:
        """The worker's memory now, in MB; 0 once the worker has ended."""
        try:
            return float(psutil.Process(self._process.pid).memory_info().rss) / 2**20
        except psutil.NoSuchProcess:
            return 0.0

    def exit_signal(self) -> signal.Signals | None:
        """The signal that ended the worker, once the channel has ended; None if no signal did."""
        try:
            status = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # the worker lost the channel, and lives
            return None
        return signal.Signals(-status) if status < 0 else None

    def kill(self) -> None:
        """Kills the worker. A worker that waits for a disk ends when the disk answers."""
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
