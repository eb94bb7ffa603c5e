"""Other people's torch files: their tensors, whatever lies beside them, and none of it is run."""

import argparse
import collections
import datetime
import io
import os
import pathlib
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from spm.base.errors import DataError
from spm.model.torch_file import read_torch_file, torchscript_code
from tests.machines import told

TENSORS = {
    "float": torch.arange(12.0).reshape(3, 4),
    "transposed": torch.arange(6).half().reshape(2, 3).t(),
    "bfloat16": torch.ones(3, dtype=torch.bfloat16),
    "scalar": torch.tensor(2.5, dtype=torch.float64),
    "empty": torch.zeros(0, 3),
    "bool": torch.tensor([True, False]),
    "parameter": torch.nn.Parameter(torch.randn(2, 2)),
}
NEW_DTYPES = {
    "float8": torch.ones(3).to(torch.float8_e4m3fn),
    "uint16": torch.ones(5, dtype=torch.uint16),
}


class Config(dict):
    """A class of the training's own code: readers of its checkpoints do not have it."""


def beside() -> dict[str, Any]:
    """What training checkpoints hold beside their weights."""
    layer = torch.nn.Linear(2, 2)
    return {
        "acc": np.array([70.0, 76.0]).mean(),
        "epoch": np.int64(3),
        "history": np.arange(5.0),
        "objects": np.array([1, "a"], dtype=object),
        "random": np.random.get_state(),
        "args": argparse.Namespace(lr=0.1, out=pathlib.Path("runs")),
        "started": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
        "scores": collections.defaultdict(list, {1: [2]}),
        "last": collections.deque([1.0, 2.0], maxlen=2),
        "counts": collections.Counter("ab"),
        "sets": [{1}, frozenset([2]), 1j, b"bytes", bytearray(b"x"), slice(1), range(3)],
        "optimizer": torch.optim.Adam(layer.parameters()).state_dict(),
        "generator": torch.get_rng_state(),
        "sparse": torch.eye(3).to_sparse(),
        "device": torch.device("cpu"),
        "dtype": torch.float16,
    }


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        assert found[name].stride() == value.stride(), name
        assert torch.equal(found[name].double(), value.double()), name


@pytest.mark.parametrize("archive", [True, False])
def test_tensors_are_read_with_what_training_leaves_beside_them(
    tmp_path: Path, archive: bool
) -> None:
    """`archive`: as torch writes since 1.6; or else as before."""
    weights = TENSORS | (NEW_DTYPES if archive else {})
    torch.save(
        {"weights": weights} | beside(),
        tmp_path / "a.pt",
        _use_new_zipfile_serialization=archive,
    )
    found = read_torch_file(tmp_path / "a.pt")
    assert_equal(found["weights"], weights)
    assert found.keys() == {"weights", *beside()}


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_an_archive_that_was_packed_again_is_read_whatever_its_ending(
    tmp_path: Path, suffix: str
) -> None:
    """Compressed, which torch never does: its mapped reading takes such bytes for numbers."""
    torch.save(TENSORS, tmp_path / "a.pt")
    path = tmp_path / f"b.{suffix}"
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert_equal(read_torch_file(path), TENSORS)


def test_a_tensor_whose_bytes_are_not_all_there_is_damage(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(64)}, tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as source,
        zipfile.ZipFile(tmp_path / "b.pt", "w") as target,
    ):
        for name in source.namelist():
            target.writestr(
                name, source.read(name)[:100] if "/data/" in name else source.read(name)
            )
    with pytest.raises(DataError, match=r"b\.pt is damaged: record size \(100 bytes\)"):
        read_torch_file(tmp_path / "b.pt")


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
@pytest.mark.parametrize("archive", [True, False])
def test_both_spellings_of_numpy_are_read(tmp_path: Path, module: str, archive: bool) -> None:
    """NumPy 1 and 2 name their own functions differently."""
    content = {"weights": torch.ones(2), "acc": np.array([70.0]).mean(), "all": np.ones(3)}
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=archive)
    written = "numpy._core.multiarray"
    assert written.encode() in buffer.getvalue()
    (tmp_path / "a.pt").write_bytes(renamed(buffer, written, module, archive=archive))
    assert torch.equal(read_torch_file(tmp_path / "a.pt")["weights"], torch.ones(2))


def renamed(buffer: io.BytesIO, old: str, new: str, *, archive: bool) -> bytes:
    """The torch file with another name of a module in its pickle."""
    if not archive:
        return buffer.getvalue().replace(old.encode(), new.encode())
    out = io.BytesIO()
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(old.encode(), new.encode()))
    return out.getvalue()


def test_tensors_share_their_memory_as_they_did(tmp_path: Path) -> None:
    whole = torch.arange(10.0)
    torch.save({"whole": whole, "part": whole[4:8]}, tmp_path / "a.pt")
    found = read_torch_file(tmp_path / "a.pt")
    assert found["part"].tolist() == [4, 5, 6, 7]
    assert found["part"].is_contiguous()


def test_a_parameter_with_attributes_is_its_tensor(tmp_path: Path) -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.is_expert = True
    torch.save({"a": parameter}, tmp_path / "a.pt")
    assert read_torch_file(tmp_path / "a.pt")["a"].tolist() == [1, 1]


def test_an_archive_written_without_checksums_is_read(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(TENSORS, tmp_path / "a.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert_equal(read_torch_file(tmp_path / "a.pt"), TENSORS)


class Calls:
    """An object whose pickle calls a function when it is read."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("where", ["alone", "beside", "in an ordered dict"])
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, "posix.system"),
        (eval, "eval"),
        (torch.storage._load_from_bytes, "torch.storage._load_from_bytes"),
        (np.load, "numpy.load"),
    ],
)
def test_a_file_that_calls_something_is_refused_and_nothing_is_run(
    tmp_path: Path, function: Any, name: str, where: str, archive: bool
) -> None:
    trap = tmp_path / "it_ran"
    argument = f"touch {trap}" if function is os.system else f"open({str(trap)!r}, 'w')"
    evil = Calls(function, argument)
    content = {
        "alone": evil,
        "beside": {"weights": torch.ones(2), "epoch": evil},
        "in an ordered dict": collections.OrderedDict(weights=torch.ones(2), more=evil),
    }[where]
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=archive)
    with pytest.raises(DataError, match=rf"is refused: it names {name}, which no") as error:
        read_torch_file(tmp_path / "a.pt")
    assert told("a file that would run something").search(str(error.value))
    assert "\n" not in str(error.value)
    assert not trap.exists()


def test_a_call_hidden_in_a_rebuilt_tensor_is_refused(tmp_path: Path) -> None:
    trap = tmp_path / "it_ran"
    rebuild = torch._tensor._rebuild_from_type_v2
    evil = Calls(rebuild, os.system, torch.Tensor, (f"touch {trap}",), {})
    torch.save({"a": evil}, tmp_path / "a.pt")
    with pytest.raises(DataError, match=r"it names posix\.system"):
        read_torch_file(tmp_path / "a.pt")
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            Config(lr=0.1),
            r"is refused: it names tests\.model\.test_torch_file\.Config, .*save its weights",
        ),
        (torch.nn.Linear(2, 2), r"is refused: it names torch\.nn\.modules\.linear\.Linear, "),
    ],
)
@pytest.mark.parametrize("archive", [True, False])
def test_a_class_that_is_not_known_is_named_with_the_remedy(
    tmp_path: Path, content: Any, message: str, archive: bool
) -> None:
    torch.save({"beside": content}, tmp_path / "a.pt", _use_new_zipfile_serialization=archive)
    with pytest.raises(DataError, match=message) as error:
        read_torch_file(tmp_path / "a.pt")
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("error")
def test_protocol_3_is_read_without_a_warning(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pt", pickle_protocol=3)
    assert read_torch_file(tmp_path / "a.pt")["a"].tolist() == [1, 1]


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_protocol_that_torch_does_not_read_is_one_sentence(tmp_path: Path, protocol: int) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pt", pickle_protocol=protocol)
    with pytest.raises(DataError, match=r"holds more than torch reads .*: save its") as error:
        read_torch_file(tmp_path / "a.pt")
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_tensor_larger_than_its_bytes_is_damage(tmp_path: Path) -> None:
    storage = torch.storage.TypedStorage(
        wrap_storage=torch.zeros(2).untyped_storage(), dtype=torch.float32
    )
    evil = Calls(torch._utils._rebuild_tensor_v2, storage, 0, (1000,), (1,), False, {})
    torch.save({"a": evil}, tmp_path / "a.pt")
    with pytest.raises(DataError, match="is damaged") as error:
        read_torch_file(tmp_path / "a.pt")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("where", [b"\x00\x00\x80?" * 4, b"weights"])
def test_a_bit_that_fell_over_is_damage(tmp_path: Path, where: bytes) -> None:
    """In the tensors' numbers, and in the names."""
    torch.save({"weights": torch.ones(64)}, tmp_path / "a.pt")
    content = bytearray((tmp_path / "a.pt").read_bytes())
    content[content.index(where)] ^= 1
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged: Bad CRC-32 for file 'a/data"):
        read_torch_file(tmp_path / "a.pt")


@pytest.mark.parametrize("archive", [True, False])
def test_a_truncated_file_is_one_sentence_wherever_it_ends(tmp_path: Path, archive: bool) -> None:
    torch.save(
        {"weights": TENSORS} | beside(), tmp_path / "a.pt", _use_new_zipfile_serialization=archive
    )
    whole = (tmp_path / "a.pt").read_bytes()
    for part in (1, 3, 10, 100, len(whole) // 2, len(whole) - 20, len(whole) - 1):
        (tmp_path / "a.pt").write_bytes(whole[:part])
        with pytest.raises(DataError, match=r"a\.pt ") as error:
            read_torch_file(tmp_path / "a.pt")
        assert "\n" not in str(error.value), part


@pytest.mark.parametrize("archive", [True, False])
def test_a_file_that_fails_midway_leaves_nothing_to_the_next(tmp_path: Path, archive: bool) -> None:
    """A sparse tensor is checked after all is read. This one is wrong whatever its numbers."""
    eye = torch.eye(3).to_sparse()
    parts = (eye.indices(), eye.values(), torch.Size([0, 0]), False)
    sparse = Calls(torch._utils._rebuild_sparse_tensor, torch.sparse_coo, parts)
    content = {"sparse": sparse} | ({"beside": Config()} if archive else {})
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=archive)
    if not archive:
        (tmp_path / "a.pt").write_bytes((tmp_path / "a.pt").read_bytes()[:-10])
    with pytest.raises(DataError, match="it names" if archive else "unexpected EOF"):
        read_torch_file(tmp_path / "a.pt")
    torch.save({"sparse": eye}, tmp_path / "b.pt")
    assert torch.equal(read_torch_file(tmp_path / "b.pt")["sparse"].to_dense(), torch.eye(3))


def test_a_pickle_or_an_archive_of_something_else_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"weights": [1, 2]}))
    with pytest.raises(DataError, match=r"a\.pkl is damaged, or holds more than torch reads"):
        read_torch_file(tmp_path / "a.pkl")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("model.pt", b"x")
    with pytest.raises(DataError, match=r"a\.zip is an archive without torch's data\.pkl"):
        read_torch_file(tmp_path / "a.zip")


class Scripted(torch.nn.Module):
    """With a parameter, buffers, a tensor that is neither, and a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.full((2,), 3.0))
        self.register_buffer("context_length", torch.tensor(77))
        self.mask = torch.zeros(2)
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x) * self.scale + self.mask
        return y


def test_a_torchscript_archive_gives_its_state_and_its_code(tmp_path: Path) -> None:
    module = Scripted().eval()
    torch.jit.save(torch.jit.script(module), tmp_path / "a.pt")
    found = read_torch_file(tmp_path / "a.pt", torchscript=True)
    assert_equal(found, dict(module.state_dict()))
    assert "class Scripted(Module)" in torchscript_code(tmp_path / "a.pt")
    torch.save(module.state_dict(), tmp_path / "b.pt")
    assert torchscript_code(tmp_path / "b.pt") == ""


class WritesAFile(torch.nn.Module):
    """Its TorchScript writes a file when it is loaded."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = str(file)
        self.scale = torch.nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale

    @torch.jit.export
    def __getstate__(self) -> tuple[str, Tensor, bool]:
        return self.file, self.scale, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, Tensor, bool]) -> None:
        self.file = state[0]
        self.scale = torch.from_file(self.file, True, 4).fill_(2.0)
        self.training = state[2]


def test_torchscript_is_refused_before_it_runs_unless_it_is_asked_for(tmp_path: Path) -> None:
    trap = tmp_path / "it_ran"
    torch.jit.save(torch.jit.script(WritesAFile(trap)), tmp_path / "a.pt")
    with pytest.raises(
        DataError, match=r"a\.pt is a TorchScript archive, .*save the model's"
    ) as error:
        read_torch_file(tmp_path / "a.pt")
    assert "\n" not in str(error.value)
    assert not trap.exists()
    read_torch_file(tmp_path / "a.pt", torchscript=True)
    assert trap.exists()
