"""A file of another stage that is missing or damaged is an error with that stage's name."""

import ast
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spm.base.errors import DataError
from spm.base.made_files import read_json
from spm.frames.clip_index import INDEX, ClipIndex
from stages import report
from stages.shared import paths
from stages.shared.tables import dataset_of_manifest, read_rows, read_table
from tests.import_closure import ROOT
from tests.stores import make_store


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (paths.MANIFEST, paths.PER_CLASS, paths.TRAIN_CURVES):
        path.parent.mkdir(parents=True, exist_ok=True)


def _manifest():
    table = pa.table({"class": ["run", "jump"]}).replace_schema_metadata({"dataset": "motion"})
    pq.write_table(table, paths.MANIFEST)
    return table


def _cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_whole_tables_are_read():
    assert _manifest().equals(read_table(paths.MANIFEST))
    assert dataset_of_manifest() == "motion"
    paths.PER_CLASS.write_text('class,text\nrun,"a person, who\nruns"\n')
    assert read_rows(paths.PER_CLASS) == [{"class": "run", "text": "a person, who\nruns"}]


@pytest.mark.parametrize("read", [lambda: read_table(paths.MANIFEST), dataset_of_manifest])
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "is missing: build it with dvc repro manifest"),
        (_cut, "is damaged .*dvc repro -f -s manifest"),
        (lambda path: path.write_bytes(b""), "is damaged .*dvc repro -f -s manifest"),
    ],
)
def test_a_manifest_that_is_not_whole_names_its_stage(read, harm, said):
    _manifest()
    harm(paths.MANIFEST)
    with pytest.raises(DataError, match=rf"^{re.escape(str(paths.MANIFEST))} {said}"):
        read()


@pytest.mark.parametrize(
    "text",
    ["class,percent\nrun,9", "class,percent\nrun\n", "class,percent\nrun,9,9\n", "class\n\xff"],
)
def test_rows_that_were_cut_name_their_stage(text):
    paths.TRAIN_CURVES.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"train_curves\.csv is damaged .*dvc repro -f -s train"):
        read_rows(paths.TRAIN_CURVES)


@pytest.mark.parametrize("text", ['{"accuracy": 9', "[]", ""])
def test_results_that_were_cut_name_their_stage(text, tmp_path):
    path = tmp_path / "evaluate.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"evaluate\.json is damaged .*dvc repro -f -s evaluate"):
        read_json(path, stage="evaluate")
    path.write_text(json.dumps({"accuracy": 9}))
    assert read_json(path, stage="evaluate") == {"accuracy": 9}


@pytest.mark.parametrize("keep", [0, 100])
def test_an_index_of_frames_that_was_cut_names_its_stage(tmp_path, keep):
    folder = tmp_path / "frames"
    folder.mkdir()
    make_store(folder, classes={"train": 2})
    ClipIndex(folder)
    (folder / INDEX).write_bytes((folder / INDEX).read_bytes()[:keep])
    with pytest.raises(DataError, match=r"index\.parquet is damaged .*dvc repro -f -s frames"):
        ClipIndex(folder)


def test_report_reads_results_by_it(monkeypatch):
    """The stage itself, up to the file."""
    monkeypatch.setattr(report.params, "load", lambda **_: (None, None))
    paths.EVALUATION.write_text('{"accuracy"')
    with pytest.raises(DataError, match="dvc repro -f -s evaluate"):
        report.main()


def test_no_stage_reads_a_table_by_itself():
    stages = sorted((ROOT / "stages").glob("*.py"))
    assert len(stages) > 8
    for path in stages:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("read_table", "read_schema", "DictReader"), path
