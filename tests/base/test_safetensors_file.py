"""Whoever may read a new file may read the tensors."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import spm
from spm.base.safetensors_file import write_safetensors
from tests import models


@pytest.fixture(params=[0o022, 0o002, 0o077], ids=oct)
def allowed(request: pytest.FixtureRequest) -> Iterator[int]:
    """The mode that a new file has under a umask."""
    before = os.umask(request.param)
    yield 0o666 & ~request.param
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_may_be_read_as_the_umask_allows(tmp_path: Path, allowed: int) -> None:
    write_safetensors({"a": torch.ones(2)}, tmp_path / "a")
    assert mode(tmp_path / "a") == allowed


def test_so_may_every_file_of_a_saved_model(tmp_path: Path, allowed: int) -> None:
    spm.save_model(models.build(), tmp_path / "model")
    assert {mode(path) for path in (tmp_path / "model").iterdir()} == {allowed}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    turned = torch.arange(6).reshape(2, 3).T
    write_safetensors({"a": turned}, tmp_path / "a", metadata={"b": "c"})
    assert torch.equal(load_file(tmp_path / "a")["a"], turned)
    with safe_open(tmp_path / "a", framework="pt") as file:
        assert file.metadata() == {"b": "c"}
