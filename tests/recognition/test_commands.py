"""`clip-spm enroll`, `recognize` and `classes`: what they print, write and refuse."""

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spm import classes as classes_door
from spm import enroll as enroll_door
from spm import recognize as recognize_door
from spm.base.errors import ConfigError, DataError, StorageError
from spm.model.model import load_model, save_model
from spm.recognition.recognizer import Recognizer
from spm.recognition.recognizer_folder import load_recognizer
from tests import models
from tests.backgrounds import background
from tests.import_closure import ROOT
from tests.machines import disk, told
from tests.recognition.examples import videos

Run = Callable[..., int]
Output = pytest.CaptureFixture[str]
DOORS = {"enroll": enroll_door, "recognize": recognize_door, "classes": classes_door}

NO_PROMISE = (
    "none of these: cannot be told, since the model keeps no background classes: nothing was "
    "trained, or by an older version"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, examples of two classes, a clip of a third, queries, and a recognizer."""
    root = tmp_path_factory.mktemp("commands")
    of_classes = ("support/Turning_Up/a", "support/Turning_Up/b", "support/fading/c", "third/d")
    videos(root, *of_classes, "q1", "q2")
    (root / "broken.mp4").write_text("no video")
    model = models.build().float()
    model.calibration = models.calibrated(classify=9.0, classify_each=2.0)
    save_model(model, root / "model")
    Recognizer.enroll(model, root / "support").save(root / "kitchen")
    return root


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What was made, copied into the current folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, reads: list[Path]) -> Run:
    def call(name: str, *arguments: str | Path) -> int:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        return DOORS[name].main()

    return call


@pytest.mark.usefixtures("folder")
def test_enroll_saves_a_recognizer_and_says_what_it_is(run: Run, capsys: Output) -> None:
    assert run("enroll", "support", "--model", "model", "--out", "home/kitchen") == 0
    assert capsys.readouterr().out.splitlines() == [
        "CLIP-SPM, from random weights",
        "2 classes, 3 support clips; each clip on its own; text: untrained",
        "percentages: calibrated on 9 validation episodes, 5-way 1-shot (temperature 2)",
        NO_PROMISE,
        "written to home/kitchen: `clip-spm recognize home/kitchen CLIP …`",
    ]
    assert list(load_recognizer("home/kitchen").classes) == ["Turning_Up", "fading"]


def test_it_says_what_it_promises_and_which_clips_are_none_of_these(
    run: Run, folder: Path, capsys: Output
) -> None:
    model = load_model(folder / "model")
    frames = model.config.frames.num_segments
    model.background = background(frames=frames)
    save_model(model, folder / "promising")
    given = ["--model", "promising", "--out", "strict", "--false-alarms", "0.05"]
    assert run("enroll", "support", *given) == 0
    assert "none of these: of other clips about 5 % pass for one of" in capsys.readouterr().out
    recognizer = load_recognizer("strict")
    assert recognizer.threshold.false_alarms == 0.05
    recognizer.threshold = recognizer.threshold.model_copy(update={"value": 1e6})
    recognizer.save("strict")
    assert run("recognize", "strict", "q1.mp4") == 0
    assert "\n\nq1.mp4: none of these\n" in capsys.readouterr().out
    assert run("recognize", "strict", "--json", "q1.mp4") == 0
    line = json.loads(capsys.readouterr().out)
    assert line["class"] is None
    assert line["best"] in ("Turning_Up", "fading")
    assert isinstance(line["score"], float)


@pytest.mark.parametrize("share", ["0", "1", "-0.1"])
@pytest.mark.usefixtures("folder")
def test_a_share_of_false_alarms_is_between_0_and_1(run: Run, share: str) -> None:
    with pytest.raises(ConfigError, match="give a share between 0 and 1"):
        run("enroll", "support", "--model", "model", "--out", "new", f"--false-alarms={share}")


def test_the_same_clip_twice_is_a_warning(run: Run, folder: Path, capsys: Output) -> None:
    """Whatever its name, in one class or in two."""
    assert run("enroll", "support", "--model", "model", "--out", "none") == 0
    assert "the same clip" not in capsys.readouterr().err
    support = folder / "support"
    shutil.copy(support / "Turning_Up/a.mp4", support / "Turning_Up/copy.mp4")
    assert run("enroll", "support", "--model", "model", "--out", "twice") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "warning: the same clip, which counts as often: "
        "support/Turning_Up/a.mp4 (Turning_Up), support/Turning_Up/copy.mp4 (Turning_Up)"
    )
    (folder / "more").mkdir()
    shutil.copy(support / "fading/c.mp4", folder / "more/d.mp4")
    assert run("classes", "none", "--add", "more") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "hard to tell apart: support/fading/c.mp4 (fading), more/d.mp4 (more)" in line


@pytest.mark.usefixtures("folder")
def test_enroll_takes_a_tower_as_classify_does(run: Run, capsys: Output) -> None:
    given = ["--tower", "builtin-clip", "--method", "protonet", "--frames", "4"]
    assert run("enroll", "support", *given, "--out", "drawn") == 0
    said = capsys.readouterr().out
    assert "from the weights built-in of builtin-clip" in said
    assert "note: this tower was trained on drawn shapes alone" in said
    model = load_recognizer("drawn").model
    assert model.config.model.method == "protonet"
    assert model.config.frames.num_segments == 4


def test_enroll_says_what_it_passes_over(run: Run, folder: Path, capsys: Output) -> None:
    (folder / "support/fading/notes.json").write_text("{}")
    assert run("enroll", "support", "--model", "model", "--out", "new") == 0
    assert told("predict, side files").search(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "give either --model, a model folder, or --tower"),
        (["--model", "model", "--tower", "builtin-clip"], "give either --model"),
        (["--model", "model", "--method", "otam"], "--method and --frames are of a tower"),
        (["--model", "model", "--frames", "8"], "--method and --frames are of a tower"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_options_of_enroll_that_exclude_each_other(
    run: Run, given: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run("enroll", "support", *given, "--out", "new")


def test_enroll_refuses_a_folder_of_something_else_before_a_clip_is_read(
    run: Run, folder: Path, reads: list[Path]
) -> None:
    with pytest.raises(DataError) as error:
        run("enroll", "support", "--model", "model", "--out", "support")
    assert told("enroll, a folder that holds something else").search(str(error.value))
    with (
        disk(folder / "closed", options="ro") as closed,
        pytest.raises(StorageError, match="closed cannot be written: its disk is read-only"),
    ):
        run("enroll", "support", "--model", "model", "--out", closed / "kitchen")
    os.mkfifo(folder / "pipe")
    for name in ("pipe", "x" * 250, "x" * 300):
        with pytest.raises(StorageError, match=r"give another name|give a shorter one"):
            run("enroll", "support", "--model", "model", "--out", name)
    assert (folder / "pipe").is_fifo()
    assert not reads


@pytest.mark.usefixtures("folder")
def test_recognize_prints_each_clips_classes_with_probabilities(run: Run, capsys: Output) -> None:
    assert run("recognize", "kitchen", "q1.mp4", "q2.mp4", "q1.mp4") == 0
    summary, first, second, again = capsys.readouterr().out.split("\n\n")
    assert summary.splitlines()[1:] == [
        "2 classes, 3 support clips; each clip on its own; text: untrained",
        "percentages: calibrated on 9 validation episodes, 5-way 1-shot (temperature 2)",
        NO_PROMISE,
    ]
    (answer,) = load_recognizer("kitchen").recognize(["q1.mp4"])
    assert first.splitlines()[0] == "q1.mp4"
    assert second.splitlines()[0] == "q2.mp4"
    assert again.strip() == first
    assert {line.split()[0]: float(line.split()[1]) for line in first.splitlines()[1:]} == {
        name: round(100 * value, 2) for name, value in answer.probabilities.items()
    }


@pytest.mark.usefixtures("folder")
def test_json_has_a_line_for_each_clip_and_nothing_else(run: Run, capsys: Output) -> None:
    assert run("recognize", "kitchen", "--json", "q1.mp4", "q2.mp4") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    answers = load_recognizer("kitchen").recognize(["q1.mp4", "q2.mp4"])
    assert lines == [
        {
            "clip": str(answer.clip),
            "class": answer.best,
            "score": None,
            "best": answer.best,
            "probabilities": answer.probabilities,
        }
        for answer in answers
    ]


@pytest.mark.usefixtures("folder")
def test_a_clip_that_cannot_be_read_does_not_stop_the_others(run: Run, capsys: Output) -> None:
    assert run("recognize", "kitchen", "broken.mp4", "none.mp4", "q1.mp4") == 1
    printed = capsys.readouterr()
    assert "\n\nq1.mp4\n" in printed.out
    assert told("recognize, an unreadable clip").search(printed.err)
    assert "none.mp4: not recognized: " in printed.err
    assert "broken.mp4" not in printed.out


@pytest.mark.usefixtures("folder")
def test_in_json_such_a_clip_has_its_reason(run: Run, capsys: Output) -> None:
    assert run("recognize", "kitchen", "--json", "broken.mp4", "q1.mp4") == 1
    printed = capsys.readouterr()
    broken, good = map(json.loads, printed.out.splitlines())
    assert broken == {
        "clip": "broken.mp4",
        "error": "unreadable: Invalid data found when processing input",
    }
    assert good["clip"] == "q1.mp4"


@pytest.mark.usefixtures("folder")
def test_a_clip_that_crashes_its_reader_does_not_end_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests/faulty"))
    shutil.copy("q1.mp4", "segfault.mp4")
    monkeypatch.setattr(sys, "argv", ["recognize", "kitchen", "segfault.mp4", "q1.mp4"])
    assert recognize_door.main() == 1
    printed = capsys.readouterr()
    assert told("recognize, a clip that crashes its reader").search(printed.err)
    assert "\n\nq1.mp4\n" in printed.out


@pytest.mark.parametrize("name", ["-kYz.mp4", "a\nb.mp4", os.fsdecode(b"\xff.mp4"), "\u00e9.mp4"])
def test_names_of_clips_may_have_any_characters(
    run: Run, folder: Path, capsys: Output, name: str
) -> None:
    shutil.copy("q1.mp4", name)
    shown = {"a\nb.mp4": r"a\nb.mp4", os.fsdecode(b"\xff.mp4"): r"\xff.mp4"}.get(name, name)
    assert run("recognize", "kitchen", name) == 0
    assert capsys.readouterr().out.split("\n\n")[1].splitlines()[0] == shown
    assert run("recognize", "kitchen", "--json", name) == 0
    assert json.loads(capsys.readouterr().out)["clip"] == name
    Path(name).unlink()
    Path(name).mkdir()
    assert run("recognize", "kitchen", "--json", f"./{name}", f"./{name}/none.mp4") == 1
    printed = capsys.readouterr().out
    assert [json.loads(line)["clip"] for line in printed.splitlines()] == [
        name,
        f"{name}/none.mp4",
    ]


@pytest.mark.usefixtures("folder")
def test_classes_lists_classes_examples_and_words(run: Run, capsys: Output) -> None:
    assert run("classes", "kitchen") == 0
    assert capsys.readouterr().out.splitlines() == [
        "Turning_Up  2 clips  'turning up'",
        "fading      1 clip  'fading'",
    ]


def test_listing_changes_nothing(run: Run, folder: Path) -> None:
    before = {path: path.stat().st_ino for path in (folder / "kitchen").iterdir()}
    run("classes", "kitchen")
    assert {path: path.stat().st_ino for path in (folder / "kitchen").iterdir()} == before


@pytest.mark.usefixtures("folder")
def test_of_a_method_without_texts_no_words_are_listed(run: Run, capsys: Output) -> None:
    run("enroll", "support", "--tower", "builtin-clip", "--out", "drawn")
    capsys.readouterr()
    run("classes", "drawn")
    assert capsys.readouterr().out == "Turning_Up  2 clips\nfading      1 clip\n"


@pytest.mark.usefixtures("folder")
def test_a_class_is_added_and_another_removed(run: Run, reads: list[Path], capsys: Output) -> None:
    given = ["--add", "third/", "--text", "a third thing", "--remove", "fading"]
    Path("fourth").mkdir()
    shutil.copy("q1.mp4", "fourth")
    run("classes", "kitchen", "--add", "fourth")
    capsys.readouterr()
    reads.clear()
    assert run("classes", "kitchen", *given) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Turning_Up  2 clips  'turning up'",
        "fourth      1 clip  'fourth'",
        "third       1 clip  'a third thing'",
    ]
    assert reads == [Path("third/d.mp4")]
    assert list(load_recognizer("kitchen").classes) == ["Turning_Up", "fourth", "third"]


def test_the_class_has_the_name_of_the_folder_as_it_was_given(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pouring tea").symlink_to(folder / "third")
    run("classes", "kitchen", "--add", "support/../pouring tea/.")
    monkeypatch.chdir(folder / "third")
    run("classes", "../kitchen", "--add", ".")
    assert {"pouring tea", "third"} < {*load_recognizer(folder / "kitchen").classes}


@pytest.mark.usefixtures("folder")
def test_a_vector_takes_the_place_of_the_words(run: Run, capsys: Output) -> None:
    np.save("third.npy", np.arange(16))
    run("classes", "kitchen", "--add", "third", "--text-vector", "third.npy")
    assert load_recognizer("kitchen").classes["third"].text.tolist() == [*range(16)]
    assert capsys.readouterr().out.splitlines()[-1] == "third       1 clip  a vector"


class _Runs:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("ran"),)


def _savez(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(16))


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda path: path.write_bytes(pickle.dumps(_Runs())), id="pickle"),
        pytest.param(lambda path: np.save(path, np.array([_Runs()] * 16)), id="pickle within"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_text("1 2 3"), id="text"),
        pytest.param(lambda path: np.save(path, np.array(["a"] * 16)), id="strings"),
        pytest.param(_savez, id="npz"),
        pytest.param(lambda path: path.write_bytes(b"PK\x03\x04"), id="broken npz"),
        pytest.param(lambda path: path.unlink(missing_ok=True), id="none"),
    ],
)
def test_what_is_no_vector_is_refused_and_nothing_is_run(
    run: Run, folder: Path, reads: list[Path], write: Callable[[Path], object]
) -> None:
    write(folder / "v.npy")
    with pytest.raises(DataError) as error:
        run("classes", "kitchen", "--add", "third", "--text-vector", "v.npy")
    assert told("classes, a file that is no vector").match(str(error.value))
    assert not (folder / "ran").exists()
    assert not reads
    assert len(load_recognizer("kitchen").classes) == 2


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (["--text", "a"], ConfigError, "belong to a new class: give --add FOLDER"),
        (["--text-vector", "v.npy"], ConfigError, "belong to a new class: give --add FOLDER"),
        (
            ["--add", "third", "--text", "a", "--text-vector", "v.npy"],
            ConfigError,
            "give either --text or --text-vector",
        ),
        (["--remove", "none"], DataError, "there is no class 'none': Turning_Up, fading"),
        (["--remove", "fading"], DataError, "at least two classes"),
        (["--add", "nowhere"], DataError, "nowhere is not a folder: give one that holds the clips"),
        (["--add", "empty"], DataError, "no clips in empty: a class needs at least one"),
        (["--add", "bad"], DataError, "cannot be read:\n  bad/x.wmv: .wmv is not read"),
        (["--add", "damaged"], DataError, "cannot be read:\n  damaged/x.mp4: unreadable"),
        (["--add", os.fsdecode(b"\xff")], DataError, r"\\xff has a name that is not UTF-8: rename"),
    ],
)
def test_mistakes_with_classes_leave_the_recognizer_as_it_was(
    run: Run, folder: Path, given: list[str], error: type[Exception], message: str
) -> None:
    (folder / "empty").mkdir()
    for name in ("bad/x.wmv", "damaged/x.mp4"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("no video")
    (folder / os.fsdecode(b"\xff")).mkdir()
    shutil.copy(folder / "q1.mp4", folder / os.fsdecode(b"\xff"))
    before = {path: path.stat().st_ino for path in (folder / "kitchen").iterdir()}
    with pytest.raises(error, match=message):
        run("classes", "kitchen", *given)
    assert {path: path.stat().st_ino for path in (folder / "kitchen").iterdir()} == before


@pytest.mark.parametrize("name", ["recognize", "classes"])
def test_a_folder_that_is_no_recognizer(run: Run, folder: Path, name: str) -> None:
    given = ["q1.mp4"] if name == "recognize" else []
    with pytest.raises(DataError, match=r"^model is no recognizer: it has no recognizer\.json\."):
        run(name, "model", *given)
