"""Files that a stage made: missing or damaged, each is a sentence with the stage's name."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spm.base.errors import ConfigError, DataError
from spm.base.made_files import made_by, read_json


def test_a_table_that_was_cut_names_its_stage(tmp_path):
    path = tmp_path / "index.parquet"
    pq.write_table(pa.table({"id": ["a", "b"]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    said = r"index\.parquet is damaged \(.*\)\. Build it again: dvc repro -f -s frames$"
    with pytest.raises(DataError, match=said), made_by("frames", path):
        pq.read_table(path)


def test_a_file_that_is_missing_names_its_stage(tmp_path):
    with pytest.raises(DataError, match=r"a\.json is missing: build it with dvc repro evaluate$"):
        read_json(tmp_path / "a.json", stage="evaluate")


@pytest.mark.parametrize("content", ["", "[1]", '{"a": 1', 5000 * "["])
def test_what_is_no_json_object_is_damaged(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"^[^\n]*a\.json is damaged \([^\n]*-s evaluate$"):
        read_json(tmp_path / "a.json", stage="evaluate")


def test_an_error_that_is_a_sentence_already_passes(tmp_path):
    with pytest.raises(ConfigError, match=r"^mine$"), made_by("frames", tmp_path):
        raise ConfigError("mine")
