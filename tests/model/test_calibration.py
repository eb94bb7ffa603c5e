"""The temperatures of a model: stored with it, and used by its probabilities alone."""

import copy
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import spm
from spm.base.errors import ConfigError, DataError
from spm.model.calibration import FILE, NOT_CALIBRATED
from tests import models

MODEL = models.build()
CALIBRATED = models.calibrated(classify=1.8304, classify_each=0.25)
REASONED = NOT_CALIBRATED.model_copy(update={"reason": "the val split has 0 classes"})


@pytest.mark.parametrize("calibration", [CALIBRATED, REASONED, NOT_CALIBRATED])
def test_it_is_saved_with_the_model_and_loaded_with_it(tmp_path: Path, calibration) -> None:
    model = models.build().float()
    model.calibration = calibration
    spm.save_model(model, tmp_path / "first")
    loaded = spm.load_model(tmp_path / "first")
    assert loaded.calibration == calibration
    spm.save_model(loaded, tmp_path / "second")
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / which).iterdir()}
        for which in ("first", "second")
    )
    assert first == second
    assert (FILE in first) == (calibration != NOT_CALIBRATED)


def test_a_folder_of_before_is_not_calibrated(tmp_path: Path) -> None:
    spm.save_model(models.build().float(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    model, logits = spm.load_model(tmp_path), torch.randn(3, 5)
    assert model.calibration == NOT_CALIBRATED
    for transductive in (True, False):
        p = model.probabilities(logits, transductive=transductive)
        assert torch.equal(p, logits.softmax(dim=-1))
        assert model.calibration.in_words(transductive=transductive) == "not calibrated"


def test_a_model_that_is_not_calibrated_leaves_no_temperature_of_another(tmp_path: Path) -> None:
    model = models.build().float()
    model.calibration = CALIBRATED
    spm.save_model(model, tmp_path)
    spm.save_model(models.build().float(), tmp_path)
    assert spm.load_model(tmp_path).calibration == NOT_CALIBRATED


def test_probabilities_have_the_temperature_of_the_logits() -> None:
    model, logits = models.build(), torch.tensor([[2.0, 0.0, -1.0]])
    model.calibration = models.calibrated(classify=2.0, classify_each=0.5)
    together, each = (
        model.probabilities(logits, transductive=transductive) for transductive in (True, False)
    )
    torch.testing.assert_close(together, (logits / 2).softmax(dim=-1))
    torch.testing.assert_close(each, (logits / 0.5).softmax(dim=-1))


@given(
    logits=st.lists(st.integers(-40, 40), min_size=2, max_size=6, unique=True),
    temperature=st.floats(0.5, 1e3),
)
@settings(max_examples=50, deadline=None)
def test_no_temperature_changes_the_order_of_the_classes(logits, temperature) -> None:
    model = copy.copy(MODEL)
    model.calibration = models.calibrated(classify=temperature, classify_each=1.0)
    found = torch.tensor(logits, dtype=torch.float64)
    p = model.probabilities(found, transductive=True)
    assert torch.equal(p.argsort(), found.argsort())


def test_it_says_what_it_was_fitted_on() -> None:
    said = CALIBRATED.in_words(transductive=True)
    assert said == "calibrated on 9 validation episodes, 5-way 1-shot (temperature 1.83)"
    assert CALIBRATED.in_words(transductive=False).endswith("(temperature 0.25)")


def test_its_numbers_are_those_of_both_kinds_of_answers() -> None:
    assert CALIBRATED.metrics() == {
        "temperature": 1.8304,
        "nll_before": 1.0,
        "nll": 0.5,
        "inductive_temperature": 0.25,
        "inductive_nll_before": 1.0,
        "inductive_nll": 0.5,
    }
    assert NOT_CALIBRATED.metrics() == {}


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-300, float("nan"), float("inf"), "1", None])
def test_a_temperature_that_is_none_is_named(tmp_path: Path, value) -> None:
    model = models.build().float()
    model.calibration = CALIBRATED
    spm.save_model(model, tmp_path)
    values = json.loads((tmp_path / FILE).read_text())
    values["classify"]["temperature"] = value
    (tmp_path / FILE).write_text(json.dumps(values))
    with pytest.raises(ConfigError, match=r"calibration\.json\.classify\.temperature"):
        spm.load_model(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    spm.save_model(models.build().float(), tmp_path)
    (tmp_path / FILE).write_bytes(b"{\xff")
    with pytest.raises(DataError, match=r"calibration\.json is damaged"):
        spm.load_model(tmp_path)
