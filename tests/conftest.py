"""Settings that hold for every test."""

import os

# Before torch, MLflow or Prefect are imported: no telemetry look-ups, small thread pools.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OMP_NUM_THREADS", "2")

import pytest

from pipeline.prefect_server import ensure_server


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory):
    """The folder of a Prefect server, one for all tests that run a flow."""
    home = tmp_path_factory.mktemp("prefect")
    ensure_server(home)
    return home
