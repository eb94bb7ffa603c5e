"""Windows: each has its own, and what it brought goes with it."""

import threading
from pathlib import Path

import pytest

from spm.base.errors import DataError, InputError
from spm.page import session as session_module
from spm.page.limits import PageLimits
from spm.page.results import Known, Progress
from spm.page.session import Session, Sessions


def known(folder: Path, *names: str) -> Known:
    return Known(folder, dict.fromkeys(names, 1), "nothing", "", "")


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    (tmp_path / "builtin").mkdir()
    return Sessions(tmp_path, start=known(tmp_path / "builtin", "a", "b"), limits=PageLimits())


def upload(root: Path, letter: str, name: str = "clip.mp4") -> Path:
    """As gradio keeps it: in a folder named by its hash."""
    path = root / (64 * letter) / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(letter.encode())
    return path


def test_two_windows_see_nothing_of_each_other(sessions: Sessions, tmp_path: Path) -> None:
    one, two = sessions.of("1"), sessions.of("2")
    assert sessions.of("1") is one
    new = one.new_folder()
    new.mkdir()
    one.use(known(new, "mine", "too"))
    assert [*two.known.examples] == ["a", "b"]
    assert not one.folder.is_relative_to(two.folder)


def test_all_goes_with_a_window(sessions: Sessions, tmp_path: Path) -> None:
    session = sessions.of("1")
    mine, builtin = upload(tmp_path, "a"), tmp_path / "builtin/clip.mp4"
    builtin.write_bytes(b"x")
    adopted = session.folder / session.adopt(mine)
    session.adopt(builtin)
    assert adopted.read_bytes() == b"a"
    sessions.end("1")
    assert not session.folder.exists()
    assert not mine.parent.exists()
    assert builtin.is_file()
    with pytest.raises(DataError, match="load the page again"):
        sessions.of("1")
    sessions.end("1")


def test_a_file_that_two_windows_uploaded_goes_with_the_second(
    sessions: Sessions, tmp_path: Path
) -> None:
    path = upload(tmp_path, "a")
    for key in ("1", "2"):
        sessions.of(key).claim(path)
    sessions.end("1")
    assert path.is_file()
    sessions.end("2")
    assert not path.exists()


def test_an_upload_that_no_window_claimed_goes_later(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = upload(tmp_path, "a")
    sessions.of("1")
    sessions.end("1")
    assert path.is_file()
    held = upload(tmp_path, "b")
    sessions.of("2").claim(held)
    sessions.of("3")
    monkeypatch.setattr(session_module, "_UNCLAIMED_SECONDS", -1)
    sessions.end("3")
    assert not path.exists()
    assert held.is_file()
    assert (tmp_path / "builtin").is_dir()


def test_what_an_upload_that_broke_off_has_left_goes_later(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmpabc").write_bytes(b"half")
    sessions.of("1")
    assert (tmp_path / "tmpabc").is_file()
    monkeypatch.setattr(session_module, "_UNCLAIMED_SECONDS", -1)
    sessions.of("2")
    assert not (tmp_path / "tmpabc").exists()


def test_a_window_that_has_ended_takes_nothing_more(sessions: Sessions, tmp_path: Path) -> None:
    session = sessions.of("1")
    sessions.end("1")
    with pytest.raises(DataError, match="load the page again"):
        session.adopt(upload(tmp_path, "a"))
    with pytest.raises(DataError, match="load the page again"):
        next(session.run("tests.page.works:endless", tmp_path / "pids"))
    assert not session.folder.exists()


def test_ending_a_window_ends_its_work(sessions: Sessions, tmp_path: Path) -> None:
    session = sessions.of("1")
    steps = session.run("tests.page.works:endless", tmp_path / "pids")
    assert next(steps) == Progress("begun")
    with pytest.raises(InputError, match="still at work"):
        next(session.run("tests.page.works:adding", 1, 2))
    threading.Timer(0.1, sessions.end, ["1"]).start()
    with pytest.raises(Exception, match="Cancelled"):
        next(steps)
    assert session.work is None


def test_a_recognizer_of_its_own_goes_when_another_takes_its_place(
    sessions: Sessions, tmp_path: Path
) -> None:
    session = sessions.of("1")
    session.use(_made(session))
    assert (tmp_path / "builtin").is_dir()
    first = session.known.folder
    session.use(_made(session))
    assert not first.exists()
    assert session.known.folder.is_dir()


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", ".hidden", "a\0b", "x" * 300 + ".mp4"])
def test_a_name_stays_in_its_folder(sessions: Sessions, tmp_path: Path, name: str) -> None:
    session = sessions.of("1")
    path = session.adopt(upload(tmp_path, "a"), name=name)
    assert (session.folder / path).resolve().parent.parent == session.folder / "clips"
    assert (session.folder / path).is_file()


def _made(session: Session) -> Known:
    folder = session.new_folder()
    folder.mkdir()
    return known(folder, "a", "b")
