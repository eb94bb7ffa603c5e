"""`models:/…` names: the folder that a version has, and one sentence for each that is none."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from spm.base.errors import InputError
from spm.base.hashing import folder_hash
from stages.shared import params, paths
from stages.tracking.named_models import find
from tests.project import wait_until
from tests.tracking.registered import NAME, change, client, trained


@pytest.mark.usefixtures("project", "quickly")
def test_a_name_finds_the_model_folder_of_its_version() -> None:
    trained(50.0, seed=1)
    first = folder_hash(paths.MODEL)
    trained(60.0, seed=2)
    assert folder_hash(find(f"models:/{NAME}@best")) == folder_hash(paths.MODEL)
    assert folder_hash(find(f"models:/{NAME}/1")) == first
    change("runtime", tracking=False)  # of runs, which this is none of
    assert folder_hash(find(f"models:/{NAME}/1")) == first


@pytest.mark.usefixtures("project", "quickly")
def test_a_name_that_is_none_is_told_what_there_is() -> None:
    with pytest.raises(InputError, match=r"none is registered: dvc repro does it$"):
        find(f"models:/{NAME}@best")
    for seed in range(4):
        trained(50.0, seed=seed)
    names = (f"models:/{NAME}@bets", f"models:/{NAME}/9", f"models:/{NAME}", "models:/x@best")
    for name in (*names, f"models:/{NAME}/latest", "models:/"):
        with pytest.raises(InputError) as error:
            find(name)
        assert str(error.value) == (
            f"there is no {name} (give models:/NAME@ALIAS or models:/NAME/VERSION); there is "
            f"models:/{NAME}@best, …, models:/{NAME}/2, models:/{NAME}/3, models:/{NAME}/4"
        )


@pytest.mark.usefixtures("quickly")
def test_a_version_whose_files_are_gone(project: Path) -> None:
    trained(50.0)
    shutil.rmtree(project / "state/mlartifacts")
    with pytest.raises(InputError, match=r"/1 has no model folder any more: .* lacks model.safete"):
        find(f"models:/{NAME}/1")


def test_a_store_that_is_not_there(project: Path) -> None:
    (paths.state_dir() / "mlflow.db").unlink()
    with pytest.raises(InputError, match=r"since there is no .*/mlflow.db: dvc repro makes it$"):
        find(f"models:/{NAME}@best")
    assert not (paths.state_dir() / "mlflow.db").exists()
    change("runtime", tracking_uri="http://127.0.0.1:9")
    with pytest.raises(InputError) as error:
        find(f"models:/{NAME}@best")
    assert "@best cannot be had: MLflow at http://127.0.0.1:9 cannot be used: " in str(error.value)
    assert str(error.value).endswith(": give a model folder")
    params.PARAMS.unlink()
    with pytest.raises(InputError, match=r"there is no params.yaml in .*: go to the project's"):
        find(f"models:/{NAME}@best")


@pytest.fixture
def server(project: Path) -> Iterator[str]:
    """The address of a real server, which has models of its own."""
    uri = f"sqlite:///{paths.state_dir() / 'mlflow.db'}"
    files = ["--backend-store-uri", uri, "--artifacts-destination", str(project / "served")]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "mlflow", "server", *files, "--workers", "1"]
    with open(project / "server.log", "wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", port],
            stdout=log,
            stderr=log,
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    wait_until(lambda: _answers(address))
    yield address
    os.killpg(process.pid, 15)
    process.wait()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/health", timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.slow
def test_a_server_keeps_the_models_and_gives_them_back(server: str) -> None:
    import mlflow

    change("runtime", tracking_uri=server)
    trained(50.0)
    folder = find(f"models:/{NAME}@best")
    assert folder_hash(folder) == folder_hash(paths.MODEL)
    assert paths.state_dir() not in folder.parents
    version = mlflow.MlflowClient(server).get_model_version_by_alias(NAME, "best")
    assert version.source.startswith("mlflow-artifacts:/")
    assert client().get_registered_model(NAME).aliases.keys() == {"best"}  # the server's database
