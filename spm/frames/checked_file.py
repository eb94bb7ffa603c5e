"""What all shards have in common: an HDF5 file that is mapped, and whose parts have checksums."""

import mmap
import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from spm.base.errors import DataError

REBUILD = "dvc repro -f -s {stage}"
"""Reruns one stage alone: `-f` without `-s` would also render the built-in clips again."""
_DAMAGED_FIRST = "touch {path} && chmod u+w {path} && "
"""The store and DVC's cache share the damaged file, and would restore it. The stage trusts a file
whose time is unchanged (hence touch), and DVC trusts a read-only file (hence chmod)."""


class CheckedFile(ABC):
    """A shard opened for reading.

    Data are read from the mapped file at the position where HDF5 keeps them, without HDF5, which
    serves one thread at a time and does not survive a fork. The first time that a part is read, its
    checksum is compared. Raises DataError, with the command that rebuilds it, for a damaged shard.
    """

    stage: ClassVar[str]
    """The stage that writes such shards."""
    part: ClassVar[str]
    """What has a checksum, in words."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._crc32 = self._open()
        except FileNotFoundError:
            rebuild = REBUILD.format(stage=self.stage)
            raise DataError(f"shard {self.path} is missing. Rebuild it: {rebuild}") from None
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            raise self._damaged(str(error)) from error
        self._checked = np.zeros(len(self._crc32), dtype=bool)

    @abstractmethod
    def _open(self) -> npt.NDArray[np.uint32]:
        """Reads the tables and maps the file; returns the checksums of all parts."""

    @abstractmethod
    def _stored(self, number: int) -> npt.NDArray[Any]:
        """Part `number`; its checksum is compared the first time."""

    def check(self) -> None:
        """Reads all parts. Raises DataError where one is damaged."""
        for number in range(len(self._crc32)):
            self._stored(number)

    def _mapped(self) -> mmap.mmap:
        with open(self.path, "rb") as opened:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)

    def _verify(self, number: int, data: npt.NDArray[Any]) -> None:
        if self._checked[number]:
            return
        if zlib.crc32(data.data) != self._crc32[number]:
            raise self._damaged(f"checksum of {self.part} {number}")
        self._checked[number] = True

    def _damaged(self, what: str) -> DataError:
        command = (_DAMAGED_FIRST + REBUILD).format(path=self.path, stage=self.stage)
        return DataError(f"shard {self.path} is damaged ({what}). Rebuild it: {command}")
