"""Saved model folders: those of earlier versions load from now on and give the same logits."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import spm
from spm.base.errors import ConfigError, DataError
from spm.model import format as model_format
from spm.model.format import ADDED, FORMAT, MOVED, REMOVED
from spm.model.spec import load_spec, save_spec
from tests import models
from tests.import_closure import ROOT
from tests.machines import told

FOLDER_0 = ROOT / "tests" / "fixtures" / "model_folder_0"
"""Written by `spm.save_model` when config.json had no format number: all components, random weights
rounded to 1/64 in half precision. episode.npz holds clips of 3 classes and the logits that the code
of the time gave for them. Its tower was `conv`; its tensors have been renamed to those of the same
layers in open_clip's description `tiny-conv-16` (tests.tiny_clip)."""


def test_a_folder_without_a_format_number_gives_the_same_logits() -> None:
    model, saved = spm.load_model(FOLDER_0), np.load(FOLDER_0 / "episode.npz")
    pixels, labels, texts = (
        torch.from_numpy(saved[name]) for name in ("pixels", "support_labels", "class_text")
    )
    with torch.no_grad():
        features = model.encode_video(pixels)
        support, query = features[: len(labels)], features[len(labels) :]
        logits = model.classify(support, labels, query, texts)
        each = model.classify_each(support, labels, query, texts)
    np.testing.assert_allclose(logits, saved["logits"], rtol=1e-4)
    np.testing.assert_allclose(each, saved["logits_of_each"], rtol=1e-4)


def test_every_key_that_older_folders_lack_has_a_value() -> None:
    """It fails where a parameter was added without one: spm/model/format.py says what to do."""
    had = _flat(json.loads((FOLDER_0 / "config.json").read_text(encoding="utf-8"))).keys()
    now = _flat(models.spec().model_dump()).keys()
    values = {key for number, added in ADDED.items() if number > 1 for key in added}
    moved = {before: now for each in MOVED.values() for before, now in each.items()}
    removed = {key for each in REMOVED.values() for key in each}
    assert now - had == values | set(moved.values()), "a new key needs a row in format.ADDED"
    assert had - now == set(moved) | removed, "a key that is gone makes saved models unreadable"


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat


def _edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A saved config.json, changed by hand."""
    save_spec(models.spec(), folder)
    path = folder / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")
    return folder


def _remove(values: dict[str, Any], dotted: str) -> None:
    *sections, key = dotted.split(".")
    for section in sections:
        values = values[section]
    del values[key]


@pytest.mark.parametrize(
    ("key", "value"), [item for added in ADDED.values() for item in added.items()]
)
def test_a_key_that_did_not_exist_yet_has_the_value_in_effect_then(
    tmp_path: Path, key: str, value: object
) -> None:
    def change(values: dict[str, Any]) -> None:
        del values["format"]
        _remove(values, key)

    assert _flat(load_spec(_edited(tmp_path, change)).model_dump())[key] == value
    with pytest.raises(ConfigError, match=f"config.json.{key} is missing"):
        load_spec(_edited(tmp_path, lambda values: _remove(values, key)))


@pytest.mark.parametrize("format", [None, 1, 2])
def test_a_key_that_is_gone_is_left_out_where_it_was_null(tmp_path: Path, format: object) -> None:
    def change(values: dict[str, Any], width: object = None) -> None:
        values["format"] = format
        if format is None:
            del values["format"]
        values["backbone"]["embed_dim"] = width

    assert load_spec(_edited(tmp_path, change)) == models.spec()
    with pytest.raises(ConfigError, match=r"backbone\.embed_dim is not a parameter"):
        load_spec(_edited(tmp_path, lambda values: change(values, 128)))


def test_a_model_with_the_tower_that_is_gone_says_what_to_do(tmp_path: Path) -> None:
    def change(values: dict[str, Any]) -> None:
        values["format"] = 2
        values["backbone"] |= {"name": "conv", "image_size": 56, "embed_dim": 128}

    message = (
        r"config\.json has the tower 'conv', which is gone: load the model with the version that "
        r"saved it, or train it again with backbone\.name: builtin-clip$"
    )
    with pytest.raises(DataError, match=message):
        load_spec(_edited(tmp_path, change))


def test_a_parameter_of_the_next_format_is_filled_into_all_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told with a parameter that is there, as if it had come in the next format."""
    monkeypatch.setitem(ADDED, FORMAT + 1, {"model.alpha": 0.75})
    folder = _edited(tmp_path, lambda values: _remove(values, "model.alpha"))
    assert load_spec(folder).model.alpha == 0.75
    monkeypatch.setattr(model_format, "FORMAT", FORMAT + 1)
    newer = {"format": FORMAT + 1}
    with pytest.raises(ConfigError, match=r"config\.json\.model\.alpha is missing"):
        load_spec(
            _edited(tmp_path, lambda values: (values.update(newer), _remove(values, "model.alpha")))
        )


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (FORMAT + 1, told("a model folder of a later version").pattern),
        (FORMAT + 1, rf"has format {FORMAT + 1}, and .* formats up to {FORMAT}: a newer"),
        ("1", r"format = '1', must be a whole number from 0"),
        (True, r"format = True, must be"),
        (-1, r"format = -1, must be"),
    ],
)
def test_a_format_that_is_not_known_is_one_sentence(
    tmp_path: Path, number: object, message: str
) -> None:
    def change(values: dict[str, Any]) -> None:
        values["format"] = number
        values["model"]["invented"] = 3

    with pytest.raises(DataError, match=message) as error:
        load_spec(_edited(tmp_path, change))
    assert "\n" not in str(error.value)


def test_an_unknown_key_and_what_is_no_config_stay_errors(tmp_path: Path) -> None:
    folder = _edited(tmp_path, lambda values: values["model"].update(alhpa=0.2))
    with pytest.raises(
        ConfigError, match=r"model\.alhpa is not a parameter\. Did you mean 'alpha'"
    ):
        load_spec(folder)
    for content, message in ((b"[1]", "expected a section"), (b"\xff{", "is damaged .'utf-8'")):
        (folder / "config.json").write_bytes(content)
        with pytest.raises((DataError, ConfigError), match=message):
            load_spec(folder)
    for broken in ({"backbone": None}, {}):
        (folder / "config.json").write_text(json.dumps(broken), encoding="utf-8")
        with pytest.raises(ConfigError, match="backbone"):
            load_spec(folder)


def test_what_is_saved_has_the_number(tmp_path: Path) -> None:
    save_spec(models.spec(), tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert saved["format"] == FORMAT
    assert load_spec(tmp_path) == models.spec()


@pytest.mark.parametrize(("found", "method"), [(4, "zero_shot"), (5, "zero_shot_text")])
def test_a_method_that_was_renamed_is_found_in_older_folders(found: int, method: str) -> None:
    values = {"format": found, "model": {"method": "zero_shot_text"}}
    assert model_format.as_today(values, name="config.json")["model"]["method"] == method
