"""How pictures get from the process that reads them to the process that asked for them.

Pixels go through a file in memory that both processes hold; everything else goes through their
connection. 2 MB of frames, pickled and sent through the connection, took 2.7 ms; this way, 0.3 ms.
"""

import os
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from spm.isolation.long_part import LongPart
from spm.video.clip import Clip

Pictures = Clip | LongPart
"""What a worker answers: a dataclass with `frames`, uint8 [n, H, W, 3]."""
_ELSEWHERE = np.empty((0, 0, 0, 3), np.uint8)


@dataclass(frozen=True)
class ClipChannel:
    """One end of the channel."""

    connection: Connection
    pixels: int
    """Descriptor of the file in memory. It holds one answer: ask for the next when this is read."""

    def send(self, answer: Pictures | Exception) -> None:
        """Sends pictures, or the error that takes their place."""
        if isinstance(answer, Exception):
            self.connection.send(answer)
            return
        os.pwrite(self.pixels, np.ascontiguousarray(answer.frames).data, 0)
        self.connection.send((answer.frames.shape, replace(answer, frames=_ELSEWHERE)))

    def receive(self) -> Pictures | Exception:
        """The pictures or error that was sent. Raises EOFError or ConnectionError if the sender is
        gone."""
        answer: Any = self.connection.recv()
        if isinstance(answer, Exception):
            return answer
        shape, rest = answer
        frames = np.empty(shape, np.uint8)
        if frames.size:
            os.preadv(self.pixels, [frames.data], 0)
        pictures: Pictures = replace(rest, frames=frames)
        return pictures
