"""Whole files are hashed once, and again when anything of them has changed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from spm.base import remembered_hash as module
from spm.base.hashing import file_hash
from spm.base.remembered_hash import remembered_hash


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read so far."""
    names: list[str] = []
    monkeypatch.setattr(
        module, "file_hash", lambda path: names.append(path.name) or file_hash(path)
    )
    return names


def old_file(path: Path, content: bytes) -> Path:
    """A file that was last changed an hour ago."""
    path.write_bytes(content)
    age(path)
    return path


def age(path: Path) -> None:
    changed = path.stat().st_mtime_ns - 3_600_000_000_000
    os.utime(path, ns=(changed, changed))


def test_a_file_is_read_once(tmp_path: Path, read: list[str]) -> None:
    path, memory = old_file(tmp_path / "a.pt", b"weights"), tmp_path / "state/hashes.json"
    found = [remembered_hash(path, memory=memory) for _ in range(3)]
    assert found == [file_hash(path)] * 3
    assert read == ["a.pt"]


def rewritten(path: Path) -> None:
    """In place, to another content of the same size."""
    path.write_bytes(b"WEIGHTS")


def replaced(path: Path) -> None:
    """By another file of the same size and time."""
    before = path.stat().st_mtime_ns
    other = path.with_name("other")
    other.write_bytes(b"WEIGHTS")
    os.utime(other, ns=(before, before))
    other.replace(path)


@pytest.mark.parametrize("change", [rewritten, replaced])
def test_a_changed_file_is_read_again(
    tmp_path: Path, read: list[str], change: Callable[[Path], None]
) -> None:
    path, memory = old_file(tmp_path / "a.pt", b"weights"), tmp_path / "hashes.json"
    first = remembered_hash(path, memory=memory)
    change(path)
    assert remembered_hash(path, memory=memory) == file_hash(path) != first
    assert read == ["a.pt", "a.pt"]


def test_a_file_that_changed_just_now_is_not_trusted(tmp_path: Path, read: list[str]) -> None:
    """It could change again within the clock's step, without another time."""
    path, memory = tmp_path / "a.pt", tmp_path / "hashes.json"
    path.write_bytes(b"weights")
    before = path.stat().st_mtime_ns
    first = remembered_hash(path, memory=memory)
    path.write_bytes(b"WEIGHTS")
    os.utime(path, ns=(before, before))
    assert remembered_hash(path, memory=memory) != first


def test_a_damaged_memory_is_made_anew_and_what_is_gone_forgotten(
    tmp_path: Path, read: list[str]
) -> None:
    memory = tmp_path / "hashes.json"
    first, second = (old_file(tmp_path / name, name.encode()) for name in ("a", "b"))
    remembered_hash(first, memory=memory)
    first.unlink()
    remembered_hash(second, memory=memory)
    assert str(first) not in memory.read_text(encoding="utf-8")
    memory.write_bytes(b"\xff[")
    remembered_hash(second, memory=memory)
    remembered_hash(second, memory=memory)
    assert read == ["a", "b", "b"]
