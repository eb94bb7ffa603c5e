"""Starting from a model whose heads for training alone are others."""

from pathlib import Path
from typing import Any

import pytest
import torch

from spm.base.errors import DataError
from spm.model.model import FewShotModel, build_model, save_model
from spm.model.start_weights import start_from
from tests import models

MOLO = {"method": "molo", "heads": 2, "hidden_dim": 24}
HYRSM = {"method": "hyrsm", "heads": 2}
CLASS, DECODER = ("classifier.*",), ("decoder.*",)


def build(values: dict[str, Any], *, seed: int, train_classes: int = 7) -> FewShotModel:
    spec = models.spec(**values, seed=seed, backbone={"seed": seed})
    return build_model(spec.model_copy(update={"train_classes": train_classes}))


def tensors(model: FewShotModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize(
    ("values", "without", "heads"),
    [
        (HYRSM, {"class_weight": 0.0}, CLASS),
        (MOLO, {"class_weight": 0.0}, CLASS),
        (MOLO, {"reconstruction_weight": 0.0}, DECODER),
        (MOLO, {"class_weight": 0.0, "reconstruction_weight": 0.0}, CLASS + DECODER),
        ({"learn_lambda3": True}, {"learn_lambda3": False}, ("lambda3_scale",)),
        ({}, {"hsmr": False}, ("hsmr.*",)),
    ],
)
def test_a_training_head_may_be_there_or_here_alone(
    values: dict[str, Any], without: dict[str, Any], heads: tuple[str, ...], tmp_path: Path
) -> None:
    larger, smaller = build(values, seed=1), build(values | without, seed=2)
    save_model(larger, tmp_path / "larger")
    save_model(smaller, tmp_path / "smaller")
    extra = larger.state_dict().keys() - smaller.state_dict().keys()
    assert extra

    said = start_from(smaller, tmp_path / "larger")
    theirs = tensors(larger)
    assert all(torch.equal(value, theirs[name]) for name, value in tensors(smaller).items())
    assert said == [
        f"the training head {head} is left out, since the model here has none" for head in heads
    ]

    new = build(values, seed=3)
    before = tensors(new)
    said = start_from(new, tmp_path / "smaller")
    written = tensors(build(values | without, seed=2))
    after = tensors(new)
    assert all(torch.equal(after[name], value) for name, value in written.items())
    assert all(torch.equal(after[name], before[name]) for name in extra)
    assert said == [
        f"the training head {head} starts anew, since the folder has none" for head in heads
    ]


def test_a_classifier_of_other_training_classes_starts_anew(tmp_path: Path) -> None:
    save_model(build(HYRSM, seed=1, train_classes=5), tmp_path)
    new = build(HYRSM, seed=2)
    before = tensors(new)
    (line,) = start_from(new, tmp_path)
    assert line.endswith("classifier.* starts anew, since the folder has one of other sizes")
    assert torch.equal(new.method.classifier.weight, before["method.classifier.weight"])
    assert not torch.equal(new.method.fusion.layer.weight, before["method.fusion.layer.weight"])


def test_a_head_that_fits_is_taken(tmp_path: Path) -> None:
    theirs = build(HYRSM, seed=1)
    save_model(theirs, tmp_path)
    new = build(HYRSM, seed=2)
    assert start_from(new, tmp_path) == []
    assert torch.equal(new.method.classifier.weight, theirs.method.classifier.weight)


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        (MOLO, {"hidden_dim": 40}, r"does not fit .* of another shape \("),
        ({}, {"padm": False, "hsmr": False}, r"does not fit .* unknown \(padm"),
        ({"padm": False}, {"padm": True}, r"does not fit .* missing \(padm"),
    ],
)
def test_every_other_tensor_that_differs_is_an_error(
    there: dict[str, Any], here: dict[str, Any], said: str, tmp_path: Path
) -> None:
    save_model(build(there, seed=1), tmp_path)
    with pytest.raises(DataError, match=said):
        start_from(build(there | here, seed=2), tmp_path)


def test_a_folder_without_weights_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not a model folder: it has no model\.safetensors"):
        start_from(build(HYRSM, seed=1), tmp_path)
