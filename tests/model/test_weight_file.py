"""What came in place of a file of weights is told by its first bytes."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from spm.base.errors import DataError
from spm.model.weight_file import form_of

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1234\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty: fetch it again"),
        (LFS, r"is git-lfs's pointer to a file, and not the file: `git lfs pull` fetches it"),
        (b"<!DOCTYPE html><html>Sign in", r"is a web page"),
        (b"\n  <html>", r"is a web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied', r"is a web page"),
        (b"PK\x03\x04 and no end", r"is cut short, the end of its archive is missing"),
        (b"\xff\xff\0\0\0\0\0\0{", r"is cut short, its header is longer than the file"),
        (b"Not found", r"holds no weights: it starts with b'Not found'"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0", r"holds no weights: it starts with"),
    ],
)
def test_what_came_instead_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "clip.pt").write_bytes(content)
    with pytest.raises(DataError, match=rf"clip\.pt {message}") as error:
        form_of(tmp_path / "clip.pt")
    assert "\n" not in str(error.value)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.pt cannot be read: No such file"):
        form_of(tmp_path / "none.pt")
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        form_of(tmp_path)


def test_the_form_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "a.pt")
    torch.save({"a": torch.ones(2)}, tmp_path / "b.safetensors")
    torch.save({"a": torch.ones(2)}, tmp_path / "c.bin", _use_new_zipfile_serialization=False)
    forms = [form_of(tmp_path / name) for name in ("a.pt", "b.safetensors", "c.bin")]
    assert forms == ["safetensors", "zip", "pickle"]
