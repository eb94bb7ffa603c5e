"""Predicting from files: the support folder, unreadable clips, one by one and together."""

import copy
import os
import shutil
import sys
from pathlib import Path

import av
import pytest
import torch

from spm.base.errors import DataError
from spm.config.prompts import CONTROLS, TextControl
from spm.dataset.support_folder import find_support
from spm.model import text_tower
from spm.model.calibration import NOT_CALIBRATED
from spm.model.model import FewShotModel, load_model, save_model
from spm.predict import main
from spm.recognition import by_examples
from spm.recognition.recognizer import Recognizer
from tests import models
from tests.machines import told
from tests.recognition.examples import video

pytestmark = pytest.mark.usefixtures("reads")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and two classes, one with two clips; two queries."""
    root = tmp_path_factory.mktemp("predict")
    save_model(models.build().float(), root / "model")
    for name in ("support/Turning_Up/a", "support/Turning_Up/b", "support/fading/c", "q1", "q2"):
        video(root / f"{name}.mp4", seed=sum(map(ord, name)))
    (root / "support" / ".hidden").mkdir()
    (root / "support" / "fading" / "notes.txt").write_text("no clip")
    (root / "broken.mp4").write_text("no video")
    return root


@pytest.fixture(scope="module")
def model(folder: Path) -> FewShotModel:
    return load_model(folder / "model")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["predict", *map(str, arguments)])
    return main()


def test_a_folder_of_frames_is_a_clip(
    folder: Path, model: FewShotModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    q1, *_ = (
        as_frames(folder / f"{name}.mp4", tmp_path / name)
        for name in ("q1", "support/Turning_Up/b", "support/fading/c")
    )
    shutil.copy(folder / "support/Turning_Up/a.mp4", tmp_path / "support/Turning_Up")
    (tmp_path / "support/fading/nothing").mkdir()
    found = find_support(tmp_path / "support")
    assert [path.name for path in found["Turning_Up"]] == ["a.mp4", "b"]
    assert [path.name for path in found["fading"]] == ["c"]
    videos = Recognizer.enroll(model, folder / "support").classes
    for name, images in Recognizer.enroll(model, found).classes.items():
        assert torch.equal(images.features, videos[name].features)
    assert run(monkeypatch, "--model", folder / "model", "--support", tmp_path / "support", q1) == 0


def as_frames(video: Path, target: Path) -> Path:
    """Its frames as lossless images."""
    target.mkdir(parents=True)
    with av.open(str(video)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            frame.to_image().save(target / f"{number}.png")
    return target


def test_it_prints_each_clips_classes_with_probabilities(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", folder / "model", "--support", folder / "support"]
    assert run(monkeypatch, *options, folder / "q1.mp4", folder / "q2.mp4") == 0
    first, second, _, *blocks = capsys.readouterr().out.splitlines()
    assert first == "2 classes, 3 support clips; each clip on its own; text: untrained"
    assert second == "percentages: not calibrated: they rank the classes, and say no more"
    assert blocks[0] == str(folder / "q1.mp4")
    rows = [line.split() for line in blocks[1:3]]
    assert {row[0] for row in rows} == {"Turning_Up", "fading"}
    percents = [float(row[1]) for row in rows]
    assert sum(percents) == pytest.approx(100, abs=0.02)
    assert percents == sorted(percents, reverse=True)


@pytest.mark.parametrize(("option", "temperature"), [((), 1e-6), (("--transductive",), 1e6)])
def test_the_percentages_are_calibrated_by_the_temperature_of_what_was_asked(
    folder: Path,
    tmp_path: Path,
    option: tuple[str, ...],
    temperature: float,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = load_model(folder / "model")
    model.calibration = models.calibrated(classify=1e6, classify_each=1e-6)
    save_model(model, tmp_path / "model")
    options = ["--support", folder / "support", *option, folder / "q1.mp4", folder / "q2.mp4"]
    assert run(monkeypatch, "--model", folder / "model", *options) == 0
    plain = capsys.readouterr().out.splitlines()
    assert run(monkeypatch, "--model", tmp_path / "model", *options) == 0
    _, second, *said = capsys.readouterr().out.splitlines()
    assert second == (
        f"percentages: calibrated on 9 validation episodes, 5-way 1-shot "
        f"(temperature {temperature:.3g})"
    )
    percents = [float(line.split()[1]) for line in said if line.endswith(" %")]
    assert percents == ([100, 0] * 2 if temperature < 1 else [50] * 4)
    best = [line.split()[0] for line in plain[4::4]]
    assert temperature > 1 or [line.split()[0] for line in said[2::4]] == best


def test_python_answers_with_calibrated_probabilities(model: FewShotModel, folder: Path) -> None:
    sharp = copy.copy(model)
    sharp.calibration = models.calibrated(classify=1e6, classify_each=1e-6)
    given = {"clips": [folder / "q1.mp4"], "support": folder / "support"}
    (plain,), (answer,) = (
        by_examples.classify_clips(model=each, **given).values() for each in (model, sharp)
    )
    assert sorted(answer.values()) == [0, 1]
    assert max(answer, key=answer.get) == max(plain, key=plain.get)


def test_of_a_model_without_a_validation_split_the_percentages_say_so(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = load_model(folder / "model")
    model.calibration = NOT_CALIBRATED.model_copy(update={"reason": "the val split has 0 classes"})
    save_model(model, tmp_path / "model")
    options = ["--model", tmp_path / "model", "--support", folder / "support"]
    assert run(monkeypatch, *options, folder / "q1.mp4") == 0
    said = "percentages: not calibrated, since the val split has 0 classes: they rank the classes"
    assert said in capsys.readouterr().out


def test_a_clip_that_cannot_be_read_does_not_stop_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", folder / "model", "--support", folder / "support"]
    clips = [folder / "broken.mp4", folder / "none.mp4", folder / "q1.mp4"]
    assert run(monkeypatch, *options, *clips) == 1
    printed = capsys.readouterr()
    assert str(folder / "q1.mp4") in printed.out
    assert told("predict, an unreadable clip").search(printed.err)
    assert "none.mp4: not classified: " in printed.err
    assert "broken.mp4" not in printed.out


def test_paths_are_paths_whatever_their_characters(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [
        "-kYz.mp4",
        "--b c.mp4",
        "00:12.mp4",
        "[a]*?.mp4",
        "a\nb.mp4",
        os.fsdecode(b"\xff.mp4"),
    ]
    for name in names:
        shutil.copy(folder / "q1.mp4", tmp_path / name)
    shutil.copytree(folder / "support", tmp_path / "-x")
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--model", folder / "model", "--support", "-x/", *names) == 0
    blocks = capsys.readouterr().out.split("\n\n")[1:]
    assert [block.splitlines()[0] for block in blocks] == [
        *names[:4],
        r"a\nb.mp4",
        r"\xff.mp4",
    ]
    assert len({block.split("\n", 1)[1].strip() for block in blocks}) == 1  # all are q1


def test_a_clip_that_is_given_twice_is_answered_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", folder / "model", "--support", folder / "support"]
    q1, q2 = folder / "q1.mp4", folder / "q2.mp4"
    assert run(monkeypatch, *options, q1, q2, q1) == 0
    blocks = capsys.readouterr().out.strip().split("\n\n")[1:]
    assert [block.splitlines()[0] for block in blocks] == [str(q1), str(q2), str(q1)]
    assert blocks[0] == blocks[2]


def test_a_folder_of_clips_where_a_clip_is_expected(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", folder / "model", "--support", folder / "support"]
    assert run(monkeypatch, *options, folder / "support/fading", folder / "q1.mp4") == 1
    assert "fading: not classified: the folder holds no frames" in capsys.readouterr().err


def test_a_class_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    for name in ("good", os.fsdecode(b"bad\xff")):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=r"class folder .*bad\\xff has a name that is not UTF-8"):
        find_support(tmp_path)


def test_a_method_without_texts_asks_no_text_tower(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(text_tower, "encode_classes", None)
    save_model(models.build(method="otam").float(), tmp_path / "model")
    given = ("--model", tmp_path / "model", "--support", folder / "support", folder / "q1.mp4")
    assert run(monkeypatch, *given) == 0
    assert "each clip on its own; text: not used" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "how"),
    [
        ({}, "transductive: the clips see each other"),
        ({"padm": False}, "each clip on its own: this model's method is not transductive"),
        ({"method": "otam"}, "each clip on its own: this model's method is not transductive"),
    ],
)
def test_asked_for_transductive_it_says_whether_the_method_is(
    folder: Path,
    tmp_path: Path,
    values: dict,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_model(models.build(**values).float(), tmp_path / "model")
    given = ("--model", tmp_path / "model", "--support", folder / "support", "--transductive")
    assert run(monkeypatch, *given, folder / "q1.mp4") == 0
    assert f"; {how}; text: " in capsys.readouterr().out


@pytest.mark.parametrize("control", CONTROLS)
def test_it_says_that_a_model_gets_the_texts_under_a_control(
    folder: Path,
    tmp_path: Path,
    control: TextControl,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_model(models.build(control=control).float(), tmp_path / "model")
    given = ("--model", tmp_path / "model", "--support", folder / "support", folder / "q1.mp4")
    assert run(monkeypatch, *given) == 0
    said = {"zero": "all-zero", "mean": "one mean text", "permuted": "permuted among"}[control]
    assert f"; text: untrained; control: {said}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "found: none"),
        (["only"], "found: only"),
        (["full", "empty"], "no clips in .*empty"),
    ],
)
def test_a_support_folder_that_is_none(tmp_path: Path, classes: list[str], message: str) -> None:
    for name in classes:
        (tmp_path / name).mkdir()
        if name != "empty":
            (tmp_path / name / "a.MP4").touch()
    with pytest.raises(DataError, match=message):
        find_support(tmp_path)


def test_it_says_what_it_passes_over_and_which_classes_have_one_text(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("Walk", "walk"):
        (tmp_path / name).mkdir()
        shutil.copy(folder / "q1.mp4", tmp_path / name)
    (tmp_path / "Walk" / "q1.info.json").write_text("{}")
    options = ["--model", folder / "model", "--support", tmp_path]
    assert run(monkeypatch, *options, folder / "q2.mp4") == 0
    said = capsys.readouterr().err.splitlines()
    for what in ("side files", "classes of one text"):  # among the lines of other packages' logs
        assert sum(bool(told(f"predict, {what}").fullmatch(line)) for line in said) == 1


def test_a_missing_support_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        find_support(tmp_path / "none")
