"""The background in a model folder: the same when it is read, and an error where it is damaged."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spm.base.errors import DataError
from spm.model.background import FILE
from spm.model.model import FewShotModel, load_model, save_model
from tests import models
from tests.backgrounds import background, with_background


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(with_background(model()), tmp_path)
    return tmp_path


def model() -> FewShotModel:
    return models.build().float()


def test_it_is_read_as_it_was_made(folder: Path) -> None:
    read, made = load_model(folder).background, background()
    assert read is not None
    for name, value in made.tensors().items():
        assert torch.equal(read.tensors()[name], value), name
    assert torch.equal(read.clips, made.clips)
    assert read.labels.dtype == torch.int64


def test_a_model_without_one_has_no_file_of_another(folder: Path) -> None:
    save_model(model(), folder)
    assert not (folder / FILE).exists()
    assert load_model(folder).background is None


def test_without_a_text_tower_there_are_no_texts(folder: Path) -> None:
    state = load_file(folder / FILE)
    save_file({name: state[name] for name in ("clips", "validation", "labels")}, folder / FILE)
    read = load_model(folder).background
    assert read is not None
    assert read.texts is read.validation_texts is None


@pytest.mark.parametrize("name", ["clips", "validation", "texts", "labels"])
def test_of_another_model_it_is_an_error(folder: Path, name: str) -> None:
    state = load_file(folder / FILE)
    state[name] = torch.zeros(2, 3, 5)
    save_file(state, folder / FILE)
    with pytest.raises(DataError, match=r"background\.safetensors does not fit the model beside"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("clips", float("nan"), r"1 with values that are not finite \(clips\)"),
        ("texts", float("inf"), r"1 with values that are not finite \(texts\)"),
        ("labels", -1, "labels from -1 to 4, must be from 0 to 4"),
        ("labels", 5, "labels from 0 to 5, must be from 0 to 4"),
    ],
)
def test_values_that_cannot_be_are_an_error(
    folder: Path, name: str, value: float, said: str
) -> None:
    state = load_file(folder / FILE)
    state[name].view(-1)[0] = value
    save_file(state, folder / FILE)
    with pytest.raises(DataError, match=rf"background\.safetensors is damaged: {said}"):
        load_model(folder)


def test_labels_are_integers(folder: Path) -> None:
    state = load_file(folder / FILE)
    state["labels"] = state["labels"].float()
    save_file(state, folder / FILE)
    with pytest.raises(DataError, match=r"1 of another type \(labels: float32\)"):
        load_model(folder)


def test_a_damaged_file_is_an_error(folder: Path) -> None:
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:-1])
    with pytest.raises(DataError, match=r"background\.safetensors is damaged"):
        load_model(folder)
