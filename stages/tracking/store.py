"""Where runs are recorded, and whether it answers. MLflow itself is not imported here."""

import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from pipeline.machine.places import project_of, tracking_place
from pipeline.machine.proxies import THIS_MACHINE, exempting
from spm.base.errors import InputError
from spm.base.unwritable import writing
from spm.config.runtime import RuntimeConfig
from stages.shared import paths

_CHECK_SECONDS = 5
_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks", "file", "")
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow's own limits would hold a stage up for many minutes when a server goes away
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(_CHECK_SECONDS),
}


def tracking_uri(runtime: RuntimeConfig) -> str:
    """Of MLflow's store: `runtime.tracking_uri`, else MLFLOW_TRACKING_URI, else our own sqlite."""
    default = f"sqlite:///{paths.state_dir() / 'mlflow.db'}"
    uri = runtime.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or default
    return tracking_place(uri, root=project_of(Path.cwd()))


def artifact_folder() -> Path:
    """Where artifacts go when the store is a database. A server has its own place."""
    return paths.state_dir() / "mlartifacts"


def prepare_environment() -> None:
    """No telemetry, no patience with a server that is gone; what the user has set stays.

    A server on this machine is asked without a proxy, others as the environment says.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ["no_proxy"] = exempting(*THIS_MACHINE)


def check_server(uri: str) -> None:
    """Any answer will do; what MLflow itself does with a dead server takes minutes.

    Raises InputError for a server that does not answer, and for what is the address of no store.
    """
    scheme = urllib.parse.urlsplit(uri).scheme
    if scheme.split("+")[0] not in _SCHEMES:
        raise unusable(uri, f"{scheme}: is none of {', '.join(filter(None, _SCHEMES))}")
    if not uri.startswith(("http://", "https://")):
        return
    try:
        urllib.request.build_opener().open(uri, timeout=_CHECK_SECONDS).close()
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise unusable(uri, str(error)) from None


@contextmanager
def asking(uri: str) -> Iterator[None]:
    """Raises InputError in place of whatever the store, or what stands in its place, leads to.

    That may be a web page that is no MLflow, a database without rights or on a full disk, …
    """
    try:
        with writing(paths.state_dir()) if uri.startswith("sqlite:") else nullcontext():
            yield
    except InputError:
        raise
    except Exception as error:
        raise unusable(uri, str(error)) from error


def unusable(uri: str, reason: str) -> InputError:
    """The error to raise at the start, with the ways on."""
    return InputError(
        f"MLflow at {uri} cannot be used: {reason}\n"
        "Start it, or set runtime.tracking_uri in params.yaml (or MLFLOW_TRACKING_URI) to another "
        "store, or go on without: runtime.tracking: false"
    )
