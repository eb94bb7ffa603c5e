"""Data sets and state are in the same place for a stage and for a grid."""

from pathlib import Path

import pytest

from pipeline.places import data_root, state_folder
from spm.config.runtime import RuntimeConfig
from stages import paths
from stages.dataset_folder import dataset_folder
from tests.manifests import runtime_values


@pytest.mark.parametrize(
    ("given", "environment", "place"),
    [
        (None, None, "data/raw"),
        (None, "", "data/raw"),
        (None, "disk", "disk"),
        ("given", "disk", "given"),
        (None, "~/disk", Path("~/disk").expanduser()),
    ],
)
def test_data_sets(tmp_path, monkeypatch, given, environment, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLIP_SPM_DATA", raising=False)
    if environment is not None:
        monkeypatch.setenv("CLIP_SPM_DATA", environment)
    assert data_root(given, root=tmp_path) == tmp_path / place
    runtime = RuntimeConfig(**runtime_values(root=given))
    assert dataset_folder("mine", runtime=runtime) == tmp_path / place / "mine"


@pytest.mark.parametrize(("environment", "place"), [(None, ".state"), ("", ".state"), ("s", "s")])
def test_state(tmp_path, monkeypatch, environment, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLIP_SPM_STATE", raising=False)
    if environment is not None:
        monkeypatch.setenv("CLIP_SPM_STATE", environment)
    assert state_folder(root=tmp_path) == paths.state_dir() == tmp_path / place
    assert (tmp_path / place).is_dir()
