"""Keys name what decides a result, and records give it back."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.grids.grid import Point
from pipeline.grids.point_records import PointRecords, point_key
from pipeline.presets.parameters import apply
from spm.base import versions
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.video import counting_readers
from tests.import_closure import ROOT

DOCUMENT = read_yaml(ROOT / "params.yaml")
POINT = Point("full", 0, {}, DOCUMENT)


def key(overrides=None, *, code=None, outside=None) -> str:
    point = replace(POINT, parameters=apply(DOCUMENT, overrides or {}))
    return point_key(point, code=code or {"spm/a.py": "1"}, outside=outside or {})


@pytest.mark.parametrize(
    "changed",
    [
        {"overrides": {"model.padm": False}},
        {"overrides": {"evaluate.seed": 1}},
        {"code": {"spm/a.py": "2"}},
        {"outside": {"weights.pt": "k"}},
    ],
)
def test_what_decides_a_result_makes_a_new_point(changed):
    assert key(**changed) != key()


@pytest.mark.parametrize(
    ("package", "reader", "decides"),
    [
        *((name, "auto", True) for name in (*versions.TRAINING, *versions.DECODING)),
        ("decord", "decord", True),
        ("decord", "auto", False),
    ],
)
def test_a_version_that_decides_a_result_makes_a_new_point(monkeypatch, package, reader, decides):
    point, installed = {"frames.reader": reader}, versions.version
    before = key(point)
    monkeypatch.setattr(
        versions, "version", lambda name: "0.1" if name == package else installed(name)
    )
    assert (key(point) != before) == decides


def test_a_reader_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(counting_readers.LIBRARIES, "torchcodec", "no_such_module")
    with pytest.raises(ConfigError, match=r"frames\.reader = 'torchcodec' cannot be imported"):
        key({"frames.reader": "torchcodec"})


def test_where_and_how_it_runs_does_not(tmp_path):
    assert key({"runtime.workers": 7, "runtime.root": str(tmp_path), "report.queries": 1}) == key()
    renamed = replace(POINT, row="another", seed=5, overrides={"model.padm": True})
    assert point_key(renamed, code={"spm/a.py": "1"}, outside={}) == key()


def test_a_record_gives_back_the_headline_shot(tmp_path):
    _write_results(tmp_path / "copy")
    records = PointRecords(tmp_path / "points")
    assert not records.has("k")
    records.keep("k", copy=tmp_path / "copy", point=POINT)
    assert records.has("k")
    measured = records.load("k")
    assert measured.results["shot"] == 5
    np.testing.assert_array_equal(measured.accuracies, [70, 90])
    about = json.loads((tmp_path / "points/k/point.json").read_text())
    assert about["parameters"]["model"] == DOCUMENT["model"]


def test_a_point_that_was_trained_alone_has_its_validation_and_no_results(tmp_path):
    _write_results(tmp_path / "copy")  # those of another point too, as in a copy of the project
    records = PointRecords(tmp_path / "points")
    with pytest.raises(KeyError):
        records.validation("k")
    records.keep("k", copy=tmp_path / "copy", point=POINT, stage="train")
    assert records.has("k", stage="train")
    assert not records.has("k")
    assert records.validation("k") == 75.0
    with pytest.raises(KeyError):
        records.load("k")
    records.keep("k", copy=tmp_path / "copy", point=POINT)
    assert records.has("k")


def test_a_point_that_was_evaluated_need_not_be_trained_to_be_chosen(tmp_path):
    _write_results(tmp_path / "copy")
    records = PointRecords(tmp_path / "points")
    records.keep("k", copy=tmp_path / "copy", point=POINT)
    assert records.has("k", stage="train")
    assert records.validation("k") == 75.0


def test_half_a_record_is_none(tmp_path):
    _write_results(tmp_path / "copy")
    (tmp_path / "copy/data/results/episodes.parquet").unlink()
    records = PointRecords(tmp_path / "points")
    with pytest.raises(FileNotFoundError):
        records.keep("k", copy=tmp_path / "copy", point=POINT)
    assert not records.has("k")
    assert not list((tmp_path / "points").iterdir())


def _write_results(copy) -> None:
    (copy / "data/results").mkdir(parents=True)
    (copy / "data/results/evaluate.json").write_text('{"shot": 5}')
    (copy / "data/train.json").write_text('{"best_val_accuracy": 75.0}')
    (copy / "data/train_curves.csv").write_text("")
    episodes = {"shot": [5, 5, 1], "episode": [0, 1, 0], "accuracy": [70.0, 90.0, 10.0]}
    pq.write_table(pa.table(episodes), copy / "data/results/episodes.parquet")
