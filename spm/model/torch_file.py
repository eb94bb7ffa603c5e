"""Torch files of other people, read by torch's restricted loader, which runs nothing of a pickle.

    zip      archive/data.pkl    the objects        archive/data/0, /1, …   the tensors' bytes
             archive/code/…      of TorchScript alone: its program, which torch.jit.load compiles
    pickle   as torch wrote before 1.6

The loader knows tensors, numbers, texts and plain containers. What training checkpoints hold beside
their weights comes as empty stand-ins; a name that is not listed here is refused. TorchScript has
no such loader: torch.jit.load may run code of the file, and is called for `backbone.weights` alone.
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
    """In place of an object beside the weights. It keeps nothing of what the file gives it."""

    def __new__(cls, *args: Any) -> "_Placeholder":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Nothing is kept."""


_PLACEHOLDERS = (
    *("argparse.Namespace", "numpy.dtype", "numpy.ndarray"),
    *(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")),  # of NumPy 1 and 2
    *(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")),
    *(f"pathlib.{name}" for name in ("PosixPath", "WindowsPath")),
    *(f"pathlib._local.{name}" for name in ("PosixPath", "WindowsPath")),  # of Python 3.13
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    *(f"builtins.{name}" for name in ("bytes", "frozenset", "range", "slice")),
    *(f"builtins.{name}" for name in ("dict", "float", "int", "list")),  # of defaultdicts
)
_KNOWN: list[Any] = [
    *((_Placeholder, name) for name in _PLACEHOLDERS),
    (lambda *_: {}, "collections.defaultdict"),
    (lambda *_: [], "collections.deque"),
]
"""What a name in a file stands for. NumPy's functions and the others are never called."""


def read_torch_file(path: Path, *, torchscript: bool = False) -> Any:
    """What `torch.save` wrote. With `torchscript` also what `torch.jit.save` wrote: of the module
    its tensors by name. TorchScript may run code when it is loaded (`__setstate__`).

    Raises DataError for a file that is damaged, that names anything that is not known here, or that
    is TorchScript where this was not asked for.
    """
    try:
        if form_of(path) == "zip":
            _check_archive(path)
        with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated, and in use
            if torchscript_code(path):
                _check_asked_for(torchscript, path=path)
                return torch.jit.load(path, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
            return _load(path)
    except DataError:
        raise
    except Exception as error:  # whatever a damaged file leads to
        raise DataError(f"{path} {_problem(error)}") from error


def torchscript_code(path: Path) -> str:
    """The program in a TorchScript archive, which says how the model computes; "": it is none."""
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
    """Checksums too, which torch does not compare. It can be told to write none, which is 0."""
    with zipfile.ZipFile(path) as archive:
        if not any(name.endswith("/data.pkl") for name in archive.namelist()):
            raise DataError(f"{path} is an archive without torch's data.pkl: it holds no weights")
        for entry in archive.infolist():
            if entry.CRC:
                archive.read(entry)


def _load(path: Path) -> Any:
    """Torch would believe the ending of a path, so the open file is given. With `mmap` it would
    take bytes that are compressed or missing for numbers."""
    try:
        with open(path, "rb") as file, torch.serialization.safe_globals(_KNOWN):
            return torch.load(file, map_location="cpu", weights_only=True)
    finally:
        # Torch checks the sparse tensors on this list once a file is read. Of a file that fails
        # midway they stay on it, and fail the check of the next file.
        getattr(torch._utils, "_sparse_tensors_to_validate", []).clear()


def _problem(error: Exception) -> str:
    remedy = "save its weights alone where it can be read: torch.save(model.state_dict(), …)"
    if named := re.search(r"GLOBAL (\S+)", str(error)):
        return f"is refused: it names {named[1]}, which no weights need (nothing was run); {remedy}"
    if isinstance(error, pickle.UnpicklingError):
        return f"is damaged, or holds more than torch reads without running it: {remedy}"
    return f"is damaged: {str(error).partition(chr(10))[0] or type(error).__name__}"
