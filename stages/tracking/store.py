"""Finds MLflow's store and checks that it answers, without importing MLflow."""

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from pipeline.machine.places import project_of, tracking_place
from pipeline.machine.proxies import THIS_MACHINE, exempting
from spm.base.errors import InputError
from spm.base.unwritable import writing
from spm.config.runtime import RuntimeConfig
from spm.config.tracking_stores import NO_STORE, is_store
from stages.shared import paths

_CHECK_SECONDS = 5
_UPLOAD_SECONDS = 120
_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # with MLflow's own limits a stage would wait many minutes for a dead server
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    _TIMEOUT: str(_CHECK_SECONDS),
    # a uv.lock that lies beside would be taken for the requirements of each model
    "MLFLOW_UV_AUTO_DETECT": "false",
}


def tracking_uri(runtime: RuntimeConfig) -> str:
    """The URI of MLflow's store: `runtime.tracking_uri`, else MLFLOW_TRACKING_URI, else SQLite in
    the state folder."""
    default = f"sqlite:///{paths.state_dir() / 'mlflow.db'}"
    uri = runtime.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or default
    return tracking_place(uri, root=project_of(Path.cwd()))


def artifact_folder() -> Path:
    """The folder for artifacts if the store is a database; a server has its own folder."""
    return paths.state_dir() / "mlartifacts"


def prepare_environment() -> None:
    """Sets MLflow's variables: no telemetry, short timeouts. Variables that the user set stay.

    A server on this machine is reached without a proxy; for others the environment's proxy holds.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ["no_proxy"] = exempting(*THIS_MACHINE)


def check_server(uri: str) -> None:
    """Raises InputError for a server that does not answer, or a URI that names no store.

    Any answer is accepted. MLflow itself would take minutes to notice a dead server.
    """
    if not is_store(uri):
        raise unusable(uri, f"it is {NO_STORE}")
    if not uri.startswith(("http://", "https://")):
        return
    try:
        urllib.request.build_opener().open(uri, timeout=_CHECK_SECONDS).close()
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise unusable(uri, str(error)) from None


@contextmanager
def uploading() -> Iterator[None]:
    """A server may answer late in the block, since it passes on a large file before it answers.

    A timeout that the user set stays.
    """
    before = os.environ.get(_TIMEOUT)
    if before == _ENVIRONMENT[_TIMEOUT]:
        os.environ[_TIMEOUT] = str(_UPLOAD_SECONDS)
    try:
        yield
    finally:
        if before is not None:
            os.environ[_TIMEOUT] = before


@contextmanager
def asking(uri: str) -> Iterator[None]:
    """Turns every exception of the block into InputError.

    MLflow raises many kinds if the server is not MLflow, a database is not writable, a disk full …
    """
    try:
        with writing(paths.state_dir()) if uri.startswith("sqlite:") else nullcontext():
            yield
    except InputError:
        raise
    except Exception as error:
        raise unusable(uri, str(error)) from error


def unusable(uri: str, reason: str) -> InputError:
    """The error for an unusable store, with remedies."""
    return InputError(
        f"MLflow at {uri} cannot be used: {reason}\n"
        "Start it, or set runtime.tracking_uri in params.yaml (or MLFLOW_TRACKING_URI) to another "
        "store, or go on without: runtime.tracking: false"
    )
