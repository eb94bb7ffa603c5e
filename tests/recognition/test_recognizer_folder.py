"""A recognizer's folder: the same answers from it, without anything else; and what is none."""

import errno
import json
import os
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import spm
from spm.base.errors import ConfigError, DataError, StorageError
from spm.model import text_tower
from spm.model.model import save_model
from spm.recognition import recognizer_folder
from spm.recognition.recognizer import Recognizer
from spm.recognition.recognizer_folder import EXAMPLES, FILE, FORMAT, load_recognizer
from tests import models
from tests.backgrounds import clips_of, with_background
from tests.machines import told
from tests.methods.small import small
from tests.recognition.examples import videos
from tests.recognition.test_recognizer import said

pytestmark = pytest.mark.usefixtures("reads")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Examples of three classes, and a clip."""
    root = tmp_path_factory.mktemp("folder")
    videos(root, "support/a/1", "support/a/2", "support/b/3", "support/b/4", "c", "clip")
    return root


@pytest.fixture
def recognizer(folder: Path) -> Recognizer:
    return Recognizer.enroll(models.build(method="otam").float(), folder / "support")


@pytest.fixture
def kitchen(recognizer: Recognizer, tmp_path: Path) -> Path:
    """The recognizer, saved."""
    recognizer.save(tmp_path / "kitchen")
    return tmp_path / "kitchen"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def nothing(*args: object, **options: object) -> Any:
    raise AssertionError("neither a text tower nor a network is asked")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"control": "permuted"},
        {"method": "otam"},
        {"method": "zero_shot"},
        {"method": "ta2n"} | small("ta2n"),
    ],
    ids=["text", "text under a control", "frames", "text alone", "maps"],
)
def test_loaded_it_answers_the_same_bits_and_asks_nothing_else(
    folder: Path, tmp_path: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    model = models.build(**values).float()
    model.calibration = models.calibrated(classify=3.0, classify_each=0.5)
    recognizer = Recognizer.enroll(model, tmp_path / "support")
    expected = recognizer.recognize([tmp_path / "clip.mp4"])
    recognizer.save(tmp_path / "kitchen")
    shutil.rmtree(tmp_path / "support")
    monkeypatch.setattr(text_tower, "build_tower", nothing)
    monkeypatch.setattr(text_tower, "encode_classes", nothing)
    monkeypatch.setattr(socket.socket, "connect", nothing)
    loaded = spm.load_recognizer(tmp_path / "kitchen")
    assert said(loaded.recognize([tmp_path / "clip.mp4"])) == said(expected)
    assert loaded.text_trained == recognizer.text_trained


def test_loaded_it_says_none_of_these_as_before(recognizer: Recognizer, tmp_path: Path) -> None:
    frames = recognizer.model.config.frames.num_segments
    with_background(recognizer.model, frames=frames)
    recognizer.promise(0.2)
    recognizer.save(tmp_path / "kitchen")
    loaded = load_recognizer(tmp_path / "kitchen")
    assert loaded.threshold == recognizer.threshold
    clips = clips_of(3, count=4, frames=frames)
    assert torch.equal(loaded.scores(clips), recognizer.scores(clips))


def test_loaded_it_takes_another_class(kitchen: Path, recognizer: Recognizer, folder: Path) -> None:
    loaded = load_recognizer(str(kitchen))
    for one in (loaded, recognizer):
        one.add_class("c", [folder / "c.mp4"])
        one.remove_class("a")
    clip = folder / "clip.mp4"
    assert said(loaded.recognize([clip])) == said(recognizer.recognize([clip]))


def test_its_classes_are_those_that_were_saved(kitchen: Path, recognizer: Recognizer) -> None:
    loaded = load_recognizer(kitchen).classes
    assert list(loaded) == list(recognizer.classes)
    for name, each in recognizer.classes.items():
        assert (loaded[name].words, loaded[name].clips) == (each.words, each.clips)
        assert torch.equal(loaded[name].features, each.features)


def test_it_holds_safetensors_and_json_alone(kitchen: Path) -> None:
    assert sorted(content(kitchen)) == [
        "config.json",
        "examples.safetensors",
        "model.safetensors",
        "recognizer.json",
    ]
    for name in content(kitchen):
        path = kitchen / name
        load_file(path) if path.suffix == ".safetensors" else json.loads(path.read_text("utf-8"))


def test_saved_again_it_has_the_same_bytes(kitchen: Path, tmp_path: Path) -> None:
    load_recognizer(kitchen).save(tmp_path / "again")
    assert content(tmp_path / "again") == content(kitchen)


def test_others_may_read_it_as_the_umask_allows(recognizer: Recognizer, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        recognizer.save(tmp_path / "kitchen")
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "kitchen").iterdir()}
    assert modes == {0o640}
    assert (tmp_path / "kitchen").stat().st_mode & 0o777 == 0o750


def test_paths_of_examples_may_have_any_characters(folder: Path, tmp_path: Path) -> None:
    names = [tmp_path / name for name in (os.fsdecode(b"\xff.mp4"), "a\nb.mp4", "\u00e9.mp4")]
    for path in names:
        shutil.copy(folder / "c.mp4", path)
    recognizer = Recognizer.enroll(
        models.build(method="otam").float(), {"a\u00a0b": names[:2], "\u00e9": names[2:]}
    )
    recognizer.save(tmp_path / "kitchen")
    loaded = load_recognizer(tmp_path / "kitchen")
    assert loaded.classes["a\u00a0b"].clips == [rf"{tmp_path}/\xff.mp4", rf"{tmp_path}/a\nb.mp4"]
    assert loaded.classes["\u00e9"].clips == [f"{tmp_path}/\u00e9.mp4"]


def change(folder: Path, **values: Any) -> None:
    path = folder / FILE
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), encoding="utf-8")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def change_tensors(folder: Path, **tensors: torch.Tensor) -> None:
    save_file(load_file(folder / EXAMPLES) | tensors, folder / EXAMPLES)


ONE = {"name": "a", "words": "a", "clips": ["1.mp4", "2.mp4"]}


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        pytest.param(
            lambda folder: (folder / FILE).unlink(),
            told("recognize, a model folder").pattern,
            id="no recognizer.json",
        ),
        pytest.param(
            lambda folder: (folder / "model.safetensors").unlink(),
            r"kitchen is not a model folder: it has no model\.safetensors; copy",
            id="no weights",
        ),
        pytest.param(
            lambda folder: (folder / "config.json").unlink(),
            r"kitchen is not a model folder: it has no config\.json; copy",
            id="no config",
        ),
        pytest.param(
            lambda folder: (folder / EXAMPLES).unlink(),
            r"examples\.safetensors cannot be read: No such file",
            id="no examples",
        ),
        pytest.param(
            lambda folder: cut(folder / FILE),
            told("recognize, a damaged recognizer.json").pattern,
            id="cut JSON",
        ),
        pytest.param(
            lambda folder: (folder / FILE).write_bytes(b"\xff"),
            r"recognizer\.json is damaged: 'utf-8' codec",
            id="JSON of bytes",
        ),
        pytest.param(
            lambda folder: cut(folder / EXAMPLES),
            r"examples\.safetensors is damaged or cut short",
            id="cut examples",
        ),
        pytest.param(
            lambda folder: change(folder, classes=[ONE, ONE | {"name": "b", "clips": ["3.mp4"]}]),
            r"examples\.safetensors does not fit recognizer\.json: 1 of another shape "
            r"\(features: \[4, 8, 16\], must be \[3, 8, 16\]\)$",
            id="other shots",
        ),
        pytest.param(
            lambda folder: change_tensors(folder, features=torch.ones(4, 8, 17)),
            r"\(features: \[4, 8, 17\], must be \[4, 8, 16\]\)$",
            id="other channels",
        ),
        pytest.param(
            lambda folder: change_tensors(folder, texts=torch.ones(2, 16)),
            r"does not fit recognizer\.json: 1 unknown \(texts\)$",
            id="a tensor too many",
        ),
        pytest.param(
            lambda folder: change(folder, text_trained=True),
            r"does not fit recognizer\.json: 1 missing \(texts\)$",
            id="texts that are missing",
        ),
        pytest.param(
            lambda folder: change(folder, format=FORMAT + 1),
            told("recognize, a recognizer of a later version").pattern,
            id="a newer version",
        ),
        pytest.param(
            lambda folder: change(folder, classes=[ONE, ONE]),
            r"recognizer\.json has a twice: give each class a name of its own$",
            id="one name twice",
        ),
        *(
            pytest.param(
                lambda folder, value=value: change_tensors(
                    folder, features=torch.full((4, 8, 16), value)
                ),
                told("recognize, examples that are not finite").pattern,
                id=f"examples of {value}",
            )
            for value in (float("nan"), float("inf"))
        ),
        pytest.param(
            lambda folder: change_tensors(folder, features=torch.ones(4, 8, 16).int()),
            r"examples\.safetensors is damaged: 1 of another type \(features: int32\)",
            id="whole numbers",
        ),
        pytest.param(
            lambda folder: change(folder, classes=[ONE, ONE | {"name": "cafe\u0301"}]),
            r"recognizer\.json is damaged: the class .* is not in composed Unicode \(NFC\)",
            id="a decomposed name",
        ),
        pytest.param(
            lambda folder: change(folder, classes=[ONE, ONE | {"name": " "}]),
            r"recognizer\.json is damaged: the class ' ' has an empty name",
            id="an empty name",
        ),
        *(
            pytest.param(
                lambda folder, held=held: change(folder, classes=[ONE, ONE | {"name": "b"} | held]),
                r"recognizer\.json is damaged: the class '.*' has .* not UTF-8",
                id=f"a lone surrogate, {[*held]}",
            )
            for held in ({"name": "\ud800"}, {"words": "\ud800"}, {"clips": ["\ud800", "2"]})
        ),
        pytest.param(
            lambda folder: change(folder, classes=[ONE, ONE | {"name": "b", "seconds": [1.0]}]),
            r"the class 'b' has 2 clips and the seconds of 1\. Take a copy",
            id="seconds that are missing",
        ),
    ],
)
def test_a_folder_that_is_no_recognizer_is_one_sentence(
    kitchen: Path, harm: Callable[[Path], None], message: str
) -> None:
    harm(kitchen)
    with pytest.raises(DataError, match=message) as error:
        load_recognizer(kitchen)
    assert "\n" not in str(error.value)
    assert str(kitchen) in str(error.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": "1"}, r"recognizer\.json\.format = '1': "),
        ({"format": 0}, r"recognizer\.json\.format = 0: "),
        ({"classes": [ONE]}, r"recognizer\.json\.classes = .*at least 2"),
        ({"classes": [ONE, ONE | {"clips": []}]}, r"recognizer\.json\.classes.*clips"),
        *(
            ({"classes": [ONE, ONE | {"seconds": [1.0, value]}]}, r"classes.*seconds")
            for value in (float("nan"), float("inf"), -1.0, 0.0, 1e300)
        ),
        ({"klasses": []}, r"recognizer\.json\.klasses is not a parameter. Did you mean 'classes'"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(
    kitchen: Path, values: dict[str, Any], message: str
) -> None:
    change(kitchen, **values)
    with pytest.raises(ConfigError, match=message):
        load_recognizer(kitchen)


def test_a_threshold_without_its_background_is_refused(folder: Path, tmp_path: Path) -> None:
    """Else it would take every clip for one of its classes, and promise that it does not."""
    model = with_background(models.build(method="otam").float(), frames=8)
    Recognizer.enroll(model, folder / "support").save(tmp_path / "kitchen")
    assert load_recognizer(tmp_path / "kitchen").threshold is not None
    (tmp_path / "kitchen/background.safetensors").unlink()
    with pytest.raises(DataError, match=told("recognize, a threshold alone").pattern):
        load_recognizer(tmp_path / "kitchen")


@pytest.mark.parametrize(("method", "trained"), [("clip_spm", None), ("otam", False)])
def test_texts_are_there_if_the_method_takes_them(
    folder: Path, tmp_path: Path, method: str, trained: bool | None
) -> None:
    kitchen = tmp_path / "kitchen"
    Recognizer.enroll(models.build(method=method).float(), folder / "support").save(kitchen)
    tensors = load_file(kitchen / EXAMPLES)
    tensors.pop("texts", None)
    texts = {} if trained is None else {"texts": torch.ones(2, 16)}
    save_file(tensors | texts, kitchen / EXAMPLES)
    change(kitchen, text_trained=trained)
    with pytest.raises(DataError, match=rf"recognizer\.json speaks of .*, and {method} takes"):
        load_recognizer(kitchen)


def test_json_that_is_no_object(kitchen: Path) -> None:
    (kitchen / FILE).write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"recognizer\.json: expected a section with the keys"):
        load_recognizer(kitchen)


def test_a_recognizer_that_is_there_is_replaced(kitchen: Path, recognizer: Recognizer) -> None:
    (kitchen / "calibration.json").write_text("{}", encoding="utf-8")  # of the one before
    recognizer.save(kitchen)
    assert "calibration.json" not in content(kitchen)
    assert list(load_recognizer(kitchen).classes) == ["a", "b"]


def test_a_folder_that_holds_something_else_is_left_as_it_is(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    save_model(recognizer.model, tmp_path / "model")
    before = content(tmp_path / "model")
    with pytest.raises(DataError) as error:
        recognizer.save(tmp_path / "model")
    assert told("enroll, a folder that holds something else").search(str(error.value))
    assert content(tmp_path / "model") == before


def test_what_is_no_folder_is_left_as_it_is(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for name in ("file", "pipe"):
        with pytest.raises(StorageError) as error:
            recognizer.save(tmp_path / name)
        assert told("enroll, a device or a pipe as --out").search(str(error.value))
    assert (tmp_path / "file").is_file()
    assert (tmp_path / "pipe").is_fifo()


def test_what_lies_beside_the_recognizer_is_not_lost(kitchen: Path, recognizer: Recognizer) -> None:
    (kitchen / "clips").mkdir()
    (kitchen / ".DS_Store").touch()
    with pytest.raises(DataError) as error:
        recognizer.save(kitchen)
    assert told("enroll, something beside the recognizer").search(str(error.value))
    assert (kitchen / "clips").is_dir()
    (kitchen / "clips").rmdir()
    recognizer.save(kitchen)


def test_a_new_folder_may_be_empty_or_below_a_new_one(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new/kitchen"):
        recognizer.save(tmp_path / name)
        assert len(load_recognizer(tmp_path / name).classes) == 2


def test_a_link_to_a_recognizer_stays_a_link(
    kitchen: Path, recognizer: Recognizer, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "current").symlink_to(kitchen)
    recognizer.add_class("c", [folder / "c.mp4"])
    recognizer.save(tmp_path / "current")
    assert (tmp_path / "current").is_symlink()
    assert list(load_recognizer(kitchen).classes) == ["a", "b", "c"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", "kitchen"]


def test_a_full_disk_leaves_the_former_recognizer_whole(
    kitchen: Path, recognizer: Recognizer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = content(kitchen)
    recognizer.add_class("c", [folder / "c.mp4"])
    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(StorageError) as error:
        recognizer.save(kitchen)
    assert told("full: a recognizer").fullmatch(str(error.value))
    assert content(kitchen) == before
    assert [path.name for path in kitchen.parent.iterdir()] == ["kitchen"]


def test_an_error_late_in_saving_leaves_the_former_recognizer_whole(
    kitchen: Path, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(kitchen)
    monkeypatch.setattr(recognizer_folder, "write_safetensors", nothing)
    with pytest.raises(AssertionError):
        recognizer.save(kitchen)
    assert content(kitchen) == before


def test_a_kill_in_mid_saving_leaves_the_former_recognizer_whole(
    kitchen: Path, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the killed process left beside it is gone after the next saving."""
    before = content(kitchen)
    child = os.fork()
    if not child:
        monkeypatch.setattr(recognizer_folder, "write_safetensors", killed)
        recognizer.save(kitchen)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert content(kitchen) == before
    assert len([*kitchen.parent.iterdir()]) == 2
    recognizer.save(kitchen)
    assert [path.name for path in kitchen.parent.iterdir()] == ["kitchen"]


def killed(*args: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
