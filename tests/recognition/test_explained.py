"""Why a recognizer says so: `Recognizer.explain`, and `clip-spm explain`."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from spm import explain as explain_door
from spm.base.errors import DataError, StorageError
from spm.recognition.from_tower import model_from_tower
from spm.recognition.inputs import read_clip
from spm.recognition.recognizer import Recognizer
from tests.recognition.examples import videos

pytestmark = pytest.mark.usefixtures("reads")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explained")
    videos(root, "support/up/a", "support/up/b", "support/down/c", "q1")
    (root / "broken.mp4").write_text("no video")
    return root


@pytest.fixture(scope="module")
def recognizer(folder: Path) -> Recognizer:
    model = model_from_tower("builtin-clip", method="otam")
    return Recognizer.enroll(model, folder / "support", false_alarms=None)


def test_it_gives_the_answer_the_frames_and_the_heat(recognizer: Recognizer, folder: Path) -> None:
    clip = folder / "q1.mp4"
    found = recognizer.explain(clip)
    (answer,) = recognizer.recognize([clip])
    assert found.answer.clip == answer.clip
    assert found.answer.probabilities == answer.probabilities
    assert found.name == answer.best
    np.testing.assert_array_equal(found.frames, read_clip(clip, model=recognizer.model).numpy())
    assert found.heat.shape == found.frames.shape[:3]
    assert found.heat.max() == 1


def test_another_class_has_another_heat(recognizer: Recognizer, folder: Path) -> None:
    up, down = (recognizer.explain(folder / "q1.mp4", name=name) for name in ("up", "down"))
    assert (up.name, down.name) == ("up", "down")
    assert not np.allclose(up.heat, down.heat, atol=0.1)


def test_what_cannot_be_explained_is_refused(recognizer: Recognizer, folder: Path) -> None:
    with pytest.raises(DataError, match=r"there is no class 'left': down, up"):
        recognizer.explain(folder / "q1.mp4", name="left")
    with pytest.raises(DataError, match=r"broken\.mp4: "):
        recognizer.explain(folder / "broken.mp4")


@pytest.mark.parametrize("out", ["why.jpg", "folder.png", "why"])
def test_the_command_refuses_what_is_no_png_before_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["explain", "no_recognizer", "a.mp4", "--out", out])
    with pytest.raises(DataError, match=f"--out {out}: give the name of a PNG file"):
        explain_door.main()


@pytest.mark.parametrize("out", ["pipe.png", "x" * 240 + ".png"])
def test_the_command_refuses_what_cannot_be_written_before_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["explain", "no_recognizer", "a.mp4", "--out", out])
    with pytest.raises(StorageError, match=r"is a pipe, and no file|give a shorter one"):
        explain_door.main()
    assert (tmp_path / "pipe.png").is_fifo()


def test_the_command_writes_a_picture_and_says_what_it_shows(
    recognizer: Recognizer,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recognizer.save(tmp_path / "kitchen")
    monkeypatch.chdir(tmp_path)
    clip = str(folder / "q1.mp4")
    command = ["explain", "kitchen", clip, "--out", "why.png", "--class", "up"]
    monkeypatch.setattr(sys, "argv", command)
    assert explain_door.main() == 0
    assert Path("why.png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert "written to why.png: the frames, and where they speak for up" in said
    assert "drawn shapes alone" in said
