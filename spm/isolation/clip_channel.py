"""How clips get from the process that reads them to the process that asked for them.

Pixels go through a file in memory that both processes hold; everything else goes through their
connection. 2 MB of frames, pickled and sent through the connection, took 2.7 ms; this way, 0.3 ms.
"""

import os
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from spm.video.clip import Clip


@dataclass(frozen=True)
class ClipChannel:
    """One end of the channel."""

    connection: Connection
    pixels: int
    """Descriptor of the file in memory. It holds one clip: ask for the next when this is read."""

    def send(self, answer: Clip | Exception) -> None:
        """Sends a clip, or the error that takes its place."""
        if isinstance(answer, Exception):
            self.connection.send(answer)
            return
        os.pwrite(self.pixels, np.ascontiguousarray(answer.frames).data, 0)
        self.connection.send((answer.frames.shape, answer.reader, answer.video_frames))

    def receive(self) -> Clip | Exception:
        """The clip or error that was sent. Raises EOFError or ConnectionError if the sender is
        gone."""
        answer: Any = self.connection.recv()
        if isinstance(answer, Exception):
            return answer
        shape, reader, video_frames = answer
        frames = np.empty(shape, np.uint8)
        os.preadv(self.pixels, [frames.data], 0)
        return Clip(frames, reader, video_frames)
