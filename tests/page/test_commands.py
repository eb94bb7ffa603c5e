"""`clip-spm page`: what it refuses before it starts, and what it starts with."""

import os
import socket
import sys
from pathlib import Path

import pytest

from spm.base.errors import ConfigError, DataError
from spm.base.yaml_file import read_yaml
from spm.page import commands
from spm.page.jobs import builtin
from spm.page.limits import PageLimits
from spm.page.results import Progress
from tests.import_closure import ROOT
from tests.machines import python


def test_without_gradio_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(ConfigError, match=r"gradio, .*: pip install 'clip-spm\[page\]'$"):
        commands.page(None, port=None, limits=PageLimits())
    assert not list(tmp_path.iterdir())


def test_a_temporary_folder_too_long_for_a_socket_is_said_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with pytest.raises(ConfigError, match="set TMPDIR to a folder with a shorter path"):
        commands.page(None, port=None, limits=PageLimits())
    assert not list(deep.iterdir())


def test_a_port_that_is_taken_is_said_before_any_work(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"^--port {port}: .*in use: give another one"):
            commands.page(None, port=port, limits=PageLimits())


def test_variables_open_no_folder_and_no_other_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"GRADIO_ALLOWED_PATHS": "/", "GRADIO_SHARE": "1", "A": "b"})
    commands._set_environment()
    left = {name for name in os.environ if name.startswith("GRADIO_")}
    assert left == {"GRADIO_ANALYTICS_ENABLED"}
    assert os.environ["A"] == "b"


@pytest.mark.slow
def test_a_folder_that_is_no_recognizer_is_one_sentence(tmp_path: Path) -> None:
    done = python("-m", "spm.serve_page", "nowhere", folder=tmp_path, TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("serve_page: error: ")
    assert "no recognizer.json" in done.stdout
    assert "Traceback" not in done.stdout
    assert not list(tmp_path.glob("clip-spm-page-*"))


def test_an_option_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    done = python("-m", "spm.serve_page", "--max-mb", "0", folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == "serve_page: error: --max-mb 0: give a number above 0\n"


def test_its_classes_are_those_of_the_splits() -> None:
    """So the model of `make repro` has seen none of the clips that the page shows."""
    split = read_yaml(ROOT / "data/splits/motion.yaml")
    assert sorted(builtin.TEST) == sorted(split["test"])
    assert sorted(builtin.VALIDATION) == sorted(split["val"])


@pytest.mark.slow
def test_the_built_in_recognizer_tells_its_examples_and_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spm.recognition.recognizer_folder import load_recognizer

    monkeypatch.chdir(tmp_path)  # `build` goes into its folder
    said: list[Progress] = []
    made = builtin.build(tmp_path / "builtin", None, report=said.append)
    assert len(said) == 3
    assert made.known.none_of_these.startswith("It can say")
    assert made.known.examples == dict.fromkeys(
        (
            "moving something and something closer to each other",
            "moving something down",
            "putting something onto something",
        ),
        5,
    )
    assert "trained on pictures of drawn shapes, and nothing on clips" in made.known.seen
    recognizer = load_recognizer(made.known.folder)
    for label, clip in made.clips.items():
        (answer,) = recognizer.recognize([clip])
        assert answer.name == (label if label in recognizer.classes else None)
    for each in recognizer.classes.values():
        assert all((tmp_path / "builtin" / clip).is_file() for clip in each.clips)


def test_a_model_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"config\.json"):
        builtin.build(tmp_path / "builtin", tmp_path, report=lambda _: None)
