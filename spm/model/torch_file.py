"""Reads untrusted torch files by torch's restricted loader, which runs no code from a pickle.

    zip      archive/data.pkl    the objects        archive/data/0, /1, …   the tensors' bytes
             archive/code/…      TorchScript only: the program, which torch.jit.load compiles
    pickle   the format of torch before 1.6

The loader accepts tensors, numbers, texts and plain containers. Other objects that training
checkpoints hold, listed below, become empty placeholders; any other class is refused. TorchScript
has no restricted loader: torch.jit.load may run code from the file, so only `backbone.weights` may
be TorchScript.
"""

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from spm.base.errors import DataError
from spm.model.weight_file import form_of


class _Placeholder:
    """Stands for an object that is not a weight. It drops all state that the file gives it."""

    def __new__(cls, *args: Any) -> "_Placeholder":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Drops `state`."""


_PLACEHOLDERS = (
    *("argparse.Namespace", "numpy.dtype", "numpy.ndarray"),
    *(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")),  # NumPy 1 and 2
    *(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")),
    *(f"pathlib.{name}" for name in ("PosixPath", "WindowsPath")),
    *(f"pathlib._local.{name}" for name in ("PosixPath", "WindowsPath")),  # Python 3.13
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    *(f"builtins.{name}" for name in ("bytes", "frozenset", "range", "slice")),
    *(f"builtins.{name}" for name in ("dict", "float", "int", "list")),  # defaultdicts' factories
)
_KNOWN: list[Any] = [
    *((_Placeholder, name) for name in _PLACEHOLDERS),
    (lambda *_: {}, "collections.defaultdict"),
    (lambda *_: [], "collections.deque"),
]
"""(replacement, class name in the file). The named functions and classes are never called."""


def read_torch_file(path: Path, *, torchscript: bool = False) -> Any:
    """Reads a file from `torch.save`; with `torchscript` also a file from `torch.jit.save`.

    TorchScript gives the module's tensors by name, and may run code while it loads
    (`__setstate__`). Raises DataError for a damaged file, a class that is not listed above, or
    TorchScript without `torchscript`.
    """
    try:
        if form_of(path) == "zip":
            _check_archive(path)
        with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated but in use
            if torchscript_code(path):
                _check_asked_for(torchscript, path=path)
                return torch.jit.load(path, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
            return _load(path)
    except DataError:
        raise
    except Exception as error:  # torch raises many kinds for a damaged file
        raise DataError(f"{path} {_problem(error)}") from error


def torchscript_code(path: Path) -> str:
    """The program in a TorchScript archive; "" for a file that is not TorchScript."""
    if form_of(path) != "zip":
        return ""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "/code/" in name and name.endswith(".py")]
        return "\n".join(archive.read(name).decode() for name in names)


def _check_asked_for(torchscript: bool, *, path: Path) -> None:
    if not torchscript:
        raise DataError(
            f"{path} is a TorchScript archive, which may run code when it is loaded: it is taken "
            "as backbone.weights alone; else save the model's weights: "
            "torch.save(model.state_dict(), …)"
        )


def _check_archive(path: Path) -> None:
    """Compares checksums, as torch does not. 0 means that torch wrote the entry without one."""
    with zipfile.ZipFile(path) as archive:
        if not any(name.endswith("/data.pkl") for name in archive.namelist()):
            raise DataError(f"{path} is an archive without torch's data.pkl: it holds no weights")
        for entry in archive.infolist():
            if entry.CRC:
                archive.read(entry)


def _load(path: Path) -> Any:
    """Passes torch an open file, since torch chooses the format of a path by its extension.

    No `mmap`: with it torch would read compressed or missing bytes as numbers.
    """
    try:
        with open(path, "rb") as file, torch.serialization.safe_globals(_KNOWN):
            return torch.load(file, map_location="cpu", weights_only=True)
    finally:
        # Torch validates the sparse tensors on this list after it has read a file. If a file fails
        # midway, its tensors stay on the list and fail the validation of the next file.
        getattr(torch._utils, "_sparse_tensors_to_validate", []).clear()


def _problem(error: Exception) -> str:
    remedy = "save its weights alone where it can be read: torch.save(model.state_dict(), …)"
    if named := re.search(r"GLOBAL (\S+)", str(error)):
        return f"is refused: it names {named[1]}, which no weights need (nothing was run); {remedy}"
    if isinstance(error, pickle.UnpicklingError):
        return f"is damaged, or holds more than torch reads without running it: {remedy}"
    return f"is damaged: {str(error).partition(chr(10))[0] or type(error).__name__}"
