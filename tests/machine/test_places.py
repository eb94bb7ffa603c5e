"""Data sets and state are in the same place for a stage, for a grid, and in copies of DVC's."""

from pathlib import Path

import pytest

from pipeline.machine.places import data_root, project_of, state_folder
from spm.base.errors import InputError
from spm.config.runtime import RuntimeConfig
from stages.shared import command, paths
from stages.shared.dataset_folder import dataset_folder
from stages.tracking.store import tracking_uri
from tests.machines import told
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


def repository(folder: Path) -> Path:
    (folder / ".git").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("place", ["tmp1", "standalone/tmp1", "celery/tmp1"])
@pytest.mark.parametrize("inside", [".", "papers/clip-spm"])
def test_a_copy_of_dvcs_is_of_its_project(tmp_path, place, inside):
    """As DVC makes them: of the whole repository, below the project's .dvc."""
    project = repository(tmp_path / "home") / inside
    copy = repository(project / ".dvc/tmp/exps" / place) / inside
    copy.mkdir(parents=True, exist_ok=True)
    assert project_of(copy) == project
    assert project_of(copy / "data") == project / "data"
    assert project_of(project) == project


def test_a_copy_behind_a_link_is_known_by_what_dvc_sets(tmp_path, monkeypatch):
    project = repository(tmp_path / "home")
    copy = repository(tmp_path / "scratch/exps/standalone/tmp1")
    (project / ".dvc").mkdir()
    (project / ".dvc/tmp").symlink_to(tmp_path / "scratch")
    monkeypatch.setenv("DVC_ROOT", str(project))
    assert project_of(copy) == project
    assert project_of(tmp_path / "elsewhere") == tmp_path / "elsewhere"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the project in tmp_path, as the working folder."""
    for name in ("CLIP_SPM_STATE", "CLIP_SPM_DATA", "MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    folder = repository(repository(tmp_path) / ".dvc/tmp/exps/standalone/tmp1")
    monkeypatch.chdir(folder)
    return folder


def test_in_a_copy_the_state_is_the_projects(copy, tmp_path, monkeypatch):
    assert paths.state_dir() == tmp_path / ".state"
    assert tracking_uri(runtime()) == f"sqlite:///{tmp_path}/.state/mlflow.db"
    assert tracking_uri(runtime(tracking_uri="sqlite:///a.db")) == f"sqlite:///{tmp_path}/a.db"
    for uri in ("sqlite:////disk/a.db", "sqlite:///:memory:", "http://server:5000"):
        assert tracking_uri(runtime(tracking_uri=uri)) == uri
    monkeypatch.setenv("CLIP_SPM_STATE", "s")
    assert paths.state_dir() == tmp_path / "s"


def test_in_a_copy_a_data_set_is_the_projects_unless_dvc_has_brought_it(copy, tmp_path):
    assert dataset_folder("mine", runtime=runtime()) == tmp_path / "data/raw/mine"
    assert dataset_folder("mine", runtime=runtime(root="../v")) == tmp_path / "../v/mine"
    (copy / "data/raw/mine").mkdir(parents=True)
    assert dataset_folder("mine", runtime=runtime()) == copy / "data/raw/mine"
    assert dataset_folder("motion", runtime=runtime()) == copy / "data/built_in"


def test_in_a_copy_a_stage_finds_weights_that_git_ignores(copy, tmp_path):
    (tmp_path / "models/start").mkdir(parents=True)
    (tmp_path / "models/rn50.pt").write_text("weights")
    named = "model: {init_from: models/start}\nbackbone: {weights: models/rn50.pt}\n"
    (copy / "params.yaml").write_text(named)
    found = []
    command.run(lambda: found.append(Path("models/rn50.pt").read_text()))
    command.run(lambda: found.append(Path("models/start").is_dir()))
    assert found == ["weights", True]


def test_in_a_copy_broken_parameters_are_the_stages_to_refuse(copy):
    (copy / "params.yaml").write_text("model: [1]\nbackbone: {weights: 3}\n")
    ran = []
    command.run(lambda: ran.append(True))
    assert ran


def test_in_a_copy_an_error_says_that_it_is_one(copy, tmp_path):
    (copy / "params.yaml").write_text("model: {}")

    def stage() -> None:
        raise InputError("no such list")

    with pytest.raises(SystemExit) as ended:
        command.run(stage)
    assert "error: no such list\n(in DVC's copy of " + str(tmp_path) in str(ended.value)
    assert told("an error in a copy of DVC's").search(str(ended.value))


def runtime(**changes) -> RuntimeConfig:
    return RuntimeConfig(**runtime_values(**changes))
