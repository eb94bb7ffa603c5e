"""spm.base.file_notes: what is known of a file holds while its size, time and inode stay."""

import json
import os
from pathlib import Path

import pytest

from spm.base.file_notes import FileNotes, Stamp, stamp_of


def made(path: Path) -> Stamp:
    path.write_bytes(b"content")
    return stamp_of(path)


def test_a_note_outlives_the_process_and_holds_for_its_stamp_alone(tmp_path: Path) -> None:
    memory, stamp = tmp_path / "notes.json", made(tmp_path / "a")
    notes = FileNotes(memory)
    notes.note("a", stamp=stamp, found="sound")
    notes.save()
    read = FileNotes(memory)
    assert read.found("a", stamp=stamp) == "sound"
    assert read.found("b", stamp=stamp) is None
    for other in (stamp._replace(**{name: 1}) for name in Stamp._fields):
        assert read.found("a", stamp=other) is None


@pytest.mark.parametrize("below", ["a", "{folder}/a"])
def test_what_is_gone_is_forgotten_by_whatever_name(tmp_path: Path, below: str) -> None:
    name, memory = below.format(folder=tmp_path), tmp_path / "notes.json"
    notes = FileNotes(memory)
    notes.note(name, stamp=made(tmp_path / "a"), found=1)
    notes.save()
    assert set(json.loads(memory.read_text())) == {name}
    (tmp_path / "a").unlink()
    FileNotes(memory).save()
    assert json.loads(memory.read_text()) == {}


def test_what_another_process_has_noted_meanwhile_is_kept(tmp_path: Path) -> None:
    memory = tmp_path / "notes.json"
    ours, theirs = FileNotes(memory), FileNotes(memory)
    for notes, name in ((theirs, "b"), (ours, "a")):
        notes.note(name, stamp=made(tmp_path / name), found=1)
        notes.save()
    assert set(json.loads(memory.read_text())) == {"a", "b"}


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    FileNotes(tmp_path / "notes.json").save()
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 1}', '{"a": {"stamp": 1}}'])
def test_a_memory_that_says_nothing_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "notes.json").write_text(text)
    assert FileNotes(tmp_path / "notes.json").found("a", stamp=made(tmp_path / "a")) is None
