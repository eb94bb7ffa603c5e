"""A project folder with a store of MLflow's, for tests of registered models."""

import json
import shutil
from pathlib import Path

import pytest

from spm.base.yaml_file import read_yaml
from stages.shared import params, paths
from stages.tracking import logged_model
from tests.stores import make_store


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_database: Path) -> Path:
    """The project's parameters and small frames; nothing outside the folder is read or written."""
    document = read_yaml(params.PARAMS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIP_SPM_STATE", str(tmp_path / "state"))
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME", "CLIP_SPM_PARENT_RUN"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(mlflow_database, paths.state_dir())
    params.PARAMS.write_text(json.dumps(document))
    paths.FRAMES.mkdir(parents=True)
    make_store(paths.FRAMES, classes={"train": 2}, clips=1)
    return tmp_path


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the files that MLflow writes beside the model folder, which take half a second."""
    monkeypatch.setattr(logged_model, "_describe", lambda folder, **_: folder.mkdir())
