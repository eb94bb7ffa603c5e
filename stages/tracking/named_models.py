"""Finds the model folder of a registered model, for `clip-spm enroll --model models:/NAME@ALIAS`.

    models:/clip-spm-motion@best     a version by its alias
    models:/clip-spm-motion/3        by its number

`clip-spm` calls it by an entry point of the group `clip_spm.models` (spm.recognition.model_names).
The store is the one that params.yaml in the current folder names, as it is for the stages.
"""

import atexit
import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from spm.base.errors import InputError
from spm.model.backbone import WEIGHTS_FILE
from stages.shared import params
from stages.tracking.pyfunc import FOLDER
from stages.tracking.registry import registered_name
from stages.tracking.runs import client_of
from stages.tracking.store import check_server, prepare_environment, tracking_uri

_SHOWN = 3
_SQLITE = "sqlite:///"
_NAME = re.compile(r"models:/(?P<name>[^/@']+)(@(?P<alias>[^/@]+)|/(?P<version>\d+))")


def find(name: str) -> Path:
    """The model folder; a server's is downloaded, and removed when this process ends.

    Raises InputError, which says what is there, for a name that is none, for a version that does
    not exist, and for a store that does not answer.
    """
    if not params.PARAMS.is_file():
        raise InputError(
            f"{name} is a name in the MLflow store that params.yaml says, and there is no "
            f"{params.PARAMS} in {Path.cwd()}: go to the project's folder, or give a model folder"
        )
    uri = tracking_uri(params.load_runtime())
    try:
        return _find(name, uri)
    except _NotThereError as error:
        raise InputError(str(error)) from None
    except Exception as error:  # MLflow raises many kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name} cannot be had: {reason}: give a model folder") from error


class _NotThereError(Exception):
    """The store answers, and does not have the model."""


def _find(name: str, uri: str) -> Path:
    database = Path(uri.removeprefix(_SQLITE))
    if uri.startswith(_SQLITE) and not database.is_file():
        raise _NotThereError(
            f"there is no {name}, since there is no {database}: dvc repro makes it"
        )
    prepare_environment()
    check_server(uri)
    client = client_of(uri)
    found = _NAME.fullmatch(name)
    version = _version(client, **found.groupdict()) if found else None
    if not found or version is None:
        form = "models:/NAME@ALIAS or models:/NAME/VERSION"
        raise _NotThereError(f"there is no {name} (give {form}); {_there(client)}")
    folder = _folder(client.get_model_version_download_uri(found["name"], version), uri=uri)
    if not (folder / WEIGHTS_FILE).is_file():
        raise _NotThereError(f"{name} has no model folder any more: {folder} lacks {WEIGHTS_FILE}")
    return folder


def _version(client: Any, name: str, alias: str | None, version: str | None) -> str | None:
    """The number of the version; None if there is none."""
    for model in client.search_registered_models(f"name = '{name}'"):
        number = version or str(model.aliases.get(alias))
        return number if number in _versions(client, name) else None
    return None


def _versions(client: Any, name: str) -> list[str]:
    found = client.search_model_versions(f"name = '{name}'")
    return sorted((str(each.version) for each in found), key=int)


def _there(client: Any) -> str:
    """The names of this project's models; a server may have many others."""
    models = client.search_registered_models(f"name LIKE '{registered_name('')}%'")
    if not models:
        return "none is registered: dvc repro does it"
    return f"there is {'; '.join(_names(client, each) for each in models)}"


def _names(client: Any, model: Any) -> str:
    versions = [f"models:/{model.name}/{version}" for version in _versions(client, model.name)]
    aliases = [f"models:/{model.name}@{alias}" for alias in model.aliases]
    left_out = ["…"] if len(versions) > _SHOWN else []
    return ", ".join([*aliases, *left_out, *versions[-_SHOWN:]])


def _folder(location: str, *, uri: str) -> Path:
    """The model folder of a version whose files are at `location`, a URI."""
    parts = urlsplit(location)
    if parts.scheme in ("", "file"):
        return Path(unquote(parts.path)) / FOLDER
    from mlflow.artifacts import download_artifacts

    place = tempfile.TemporaryDirectory(prefix="clip-spm-")
    atexit.register(place.cleanup)
    return Path(download_artifacts(f"{location}/{FOLDER}", dst_path=place.name, tracking_uri=uri))
