"""Torch files of other people: their tensors, without running anything (spm.inert_pickle).

    zip      archive/data.pkl    the objects        archive/data/0, /1, …   the tensors' bytes
             archive/code/…      of TorchScript alone: its program, which is not run
    pickle   five pickles in a row, then the tensors' bytes; torch before 1.6

Tensors of an archive lie in the file until they are used, so what an optimizer left in a training
checkpoint costs no memory. Values that are no tensors come as stand-ins without content.
"""

import io
import mmap
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from spm.errors import DataError
from spm.inert_pickle import InertUnpickler, RefusedError, StandIn
from spm.torchscript import module_state, programs
from spm.weight_file import form_of

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LOCAL_HEADER = struct.Struct("<26xHH")
_STORAGES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128,
}


def read_torch_file(path: Path) -> Any:
    """What `torch.save` or `torch.jit.save` wrote; of a TorchScript module its tensors by name.

    Raises DataError for a file that is damaged, or that would call something when it is read.
    """
    try:
        return _read_archive(path) if form_of(path) == "zip" else _read_pickles(path)
    except DataError:
        raise
    except RefusedError as error:
        raise DataError(
            f"{path} is refused: reading it would call {error}, which no weights need (nothing was "
            "run). Where you trust it, save its weights alone: torch.save(model.state_dict(), …)"
        ) from None
    except Exception as error:  # whatever a damaged pickle leads to
        said = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(f"{path} is damaged: {said}") from error


def torchscript_code(path: Path) -> str:
    """The program in a TorchScript archive; "": the file is none."""
    if form_of(path) != "zip":
        return ""
    with zipfile.ZipFile(path) as archive:
        return "\n".join(programs(archive).values())


def _read_archive(path: Path) -> Any:
    with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        entries = {entry.filename: entry for entry in archive.infolist()}
        pickled = [name for name in entries if name.endswith("/data.pkl")]
        if len(pickled) != 1:
            raise DataError(f"{path} is an archive without torch's data.pkl: it holds no weights")
        root = pickled[0].removesuffix("data.pkl")

        @cache
        def record(name: str) -> memoryview:
            return _record(entries[root + name], data)

        def storage(key: str, dtype: torch.dtype, count: int) -> Tensor:
            return _from_buffer(record(f"data/{key}"), dtype, count)

        if f"{root}byteorder" in entries and bytes(record("byteorder")) == b"big":
            raise DataError(f"{path} was saved on a big-endian machine: save it again elsewhere")
        content = _unpickle(io.BytesIO(record("data.pkl")), storage)
        code = programs(archive)
    return module_state(content, code) if code and isinstance(content, StandIn) else content


def _record(entry: zipfile.ZipInfo, data: memoryview) -> memoryview:
    """Its bytes in the file: torch stores them as they are, behind a header of two open lengths.

    Their sum is compared, which torch never does; it can be told to write none, which is 0.
    """
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{entry.filename} is compressed, which torch never does")
    name, extra = _LOCAL_HEADER.unpack_from(data, entry.header_offset)
    start = entry.header_offset + _LOCAL_HEADER.size + int(name) + int(extra)
    found = data[start : start + entry.file_size]
    if entry.CRC and zlib.crc32(found) != entry.CRC:
        raise ValueError(f"{entry.filename} is not what was written, by its checksum")
    return found


def _from_buffer(buffer: Any, dtype: torch.dtype, count: int) -> Tensor:
    if not count:
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(buffer, dtype=dtype, count=count)


def _read_pickles(path: Path) -> Any:
    storages: dict[str, Tensor] = {}

    def storage(key: str, dtype: torch.dtype, count: int) -> Tensor:
        return storages.setdefault(key, torch.empty(count, dtype=dtype))

    with open(path, "rb") as file:
        if _unpickle(file, storage) != _LEGACY_MAGIC:
            raise DataError(f"{path} is a pickle, but no torch file: it holds no weights")
        for _ in ("protocol", "machine"):
            _unpickle(file, storage)
        content = _unpickle(file, storage)
        for key in _unpickle(file, storage):
            _fill(storages[key], file)
    return content


def _fill(storage: Tensor, file: IO[bytes]) -> None:
    (count,) = struct.unpack("<q", file.read(8))
    content = bytearray(file.read(count * storage.element_size()))
    storage.copy_(_from_buffer(content, storage.dtype, count))


def _unpickle(file: IO[bytes], storage: Callable[[str, torch.dtype, int], Tensor]) -> Any:
    unpickler = InertUnpickler(file, real=_REAL)

    def persistent_load(found: Any) -> Any:
        if found[0] == "module":  # a class, with its source
            return found[1]
        _, dtype, key, _, count, *view = found
        if view not in ([], [None]):
            raise DataError("views of storages, as torch before 0.4 wrote them, cannot be read")
        return storage(key, dtype, count)

    unpickler.persistent_load = persistent_load  # type: ignore[method-assign]
    return unpickler.load()


def _rebuild(storage: Tensor, offset: int, size: Any, stride: Any, *_: Any) -> Tensor:
    return storage.as_strided(size, stride, offset)


def _rebuild_viewed(
    storage: Tensor, offset: int, size: Any, stride: Any, grad: Any, hooks: Any, dtype: Any, *_: Any
) -> Tensor:
    return storage.view(dtype).as_strided(size, stride, offset)


def _rebuild_parameter(data: Tensor, *_: Any) -> Tensor:
    return data


def _rebuild_of_type(function: Callable[..., Tensor], _: Any, args: Any, state: Any) -> Tensor:
    return function(*args)


_REAL: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor": _rebuild,
    "torch._utils._rebuild_tensor_v2": _rebuild,
    "torch._utils._rebuild_tensor_v3": _rebuild_viewed,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_of_type,
    "torch.storage.UntypedStorage": torch.uint8,
    **{f"torch.{name}Storage": dtype for name, dtype in _STORAGES.items()},
    **{f"torch.cuda.{name}Storage": dtype for name, dtype in _STORAGES.items()},
    **{str(each): each for each in vars(torch).values() if isinstance(each, torch.dtype)},
}
"""Tensors are made by public functions alone, within the bytes that are there."""
