"""Writing an HDF5 file to a disk that may become full.

HDF5 does not survive a failed write: it writes again when the file is closed, and once more when
the process ends, and then crashes the process. So HDF5 writes to a stand-in that accepts every
write; when the file is closed, `new_hdf5` raises the first error that the stand-in met.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import SEEK_END, SEEK_SET, BufferedRandom
from pathlib import Path

import h5py


@contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file at `path`, open for writing. Raises OSError at the end if a write failed."""
    with open(path, "w+b") as file:
        taking = _TakesAll(file)
        try:
            with h5py.File(taking, "w") as new:
                yield new
        finally:
            if taking.error is not None:
                raise taking.error


class _TakesAll:
    """A file object for HDF5 whose writes never fail: after the first error it writes nothing.

    It keeps its own position and end, because HDF5 must see the end of a file that took all writes.
    """

    def __init__(self, file: BufferedRandom) -> None:
        self._file = file
        self._at = self._end = 0
        self.error: OSError | None = None

    def write(self, data: memoryview) -> int:
        self._try(lambda: self._file.write(data))
        self._at += len(data)
        self._end = max(self._end, self._at)
        return len(data)

    def readinto(self, buffer: memoryview) -> int:
        self._try(lambda: self._file.readinto(buffer))
        self._at += len(buffer)
        return len(buffer)

    def read(self, size: int) -> bytes:
        """HDF5 never calls this, but h5py accepts an object as a file only if it has `read`."""
        raise NotImplementedError

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._at = offset + (self._end if whence == SEEK_END else 0)
        self._try(lambda: self._file.seek(self._at))
        return self._at

    def tell(self) -> int:
        return self._at

    def truncate(self, size: int) -> int:
        self._try(lambda: self._file.truncate(size))
        self._end = size
        return size

    def flush(self) -> None:
        self._try(self._file.flush)

    def _try(self, act: Callable[[], object]) -> None:
        if self.error is None:
            try:
                act()
            except OSError as error:
                self.error = error
