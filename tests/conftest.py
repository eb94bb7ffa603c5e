"""Settings that hold for every test, and what is expensive to make and shared by several files.

Fast tests (`make test`) are one true `dvc repro` and all that takes seconds. Slow are those that
run the pipeline once more in another setting, kill it, or start clusters and ranks.
"""

import os

# Before torch, MLflow or Prefect are imported: no telemetry look-ups, one thread in each process.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from bench.small_project import SmallProject
from pipeline.machine.prefect_server import ensure_server

_LONG_SECONDS = 20


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory):
    """The folder of a Prefect server, one for all tests that run a flow."""
    home = tmp_path_factory.mktemp("prefect")
    ensure_server(home)
    return home


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory):
    """A small project in which `dvc repro` has run, without tracking: to be copied or compared."""
    project = SmallProject.create(tmp_path_factory.mktemp("finished") / "project")
    project.repro()
    return project


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory):
    """An empty store of MLflow's, to be copied: making its tables takes seconds."""
    import mlflow

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


def pytest_runtest_setup(item):
    if item.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs an NVIDIA GPU, and torch sees none here")


def pytest_terminal_summary(terminalreporter):
    """Names the tests that make `make test` long. A failure would depend on the machine's load."""
    for report in terminalreporter.getreports("passed"):
        if report.duration > _LONG_SECONDS and "slow" not in report.keywords:
            terminalreporter.write_line(
                f"{report.duration:.0f} s: {report.nodeid} ({report.when}): share what it makes, "
                "or mark it slow"
            )
