"""Registers models: `clip-spm-<data set>` has a version for each model that `train` wrote.

    models:/clip-spm-motion/3       tags: hash, validation, the commit; what `evaluate` measured
    models:/clip-spm-motion@best    the highest validation accuracy (stages.tracking.best)

A version is found by the hash of data/model, so that a model that DVC restored from its cache finds
its own again, and no model is there twice. The points of a grid register nothing.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from spm.base.hashing import file_hash
from spm.model.model import FewShotModel
from stages.shared import paths
from stages.tracking.best import move_best, validation_tags
from stages.tracking.logged_model import log_model
from stages.tracking.provenance import content_hash, parent_run, path_key
from stages.tracking.runs import Run, dataset_name, producer

_HASH = f"out.{path_key(paths.MODEL)}"
_COMMIT = "mlflow.source.git.commit"
_VERSIONS = "mlflow.modelVersions"
"""The tag by which MLflow's pages lead from a logged model to its version."""
_NOT_REGISTERED = "MLflow did not register the model"
_NOT_TAGGED = "MLflow's registered model does not have these numbers"
_MEASURED = "test."
"""Before the names of the tags of a measurement."""


def register(run: Run, model: FewShotModel) -> None:
    """Registers data/model, which `run` trained, if it is not there yet; moves the alias `best`."""
    if not parent_run():
        run.attempt(lambda client: _register(client, run, model), lost=_NOT_REGISTERED)


def tag_measured(
    run: Run, model: FewShotModel, *, numbers: Mapping[str, float], about: Mapping[str, str]
) -> None:
    """Sets what `run` measured as tags of the version of data/model, in place of what was there.

    Registers data/model if it has no version, as after a training without tracking.
    """
    if not parent_run():
        tags = {name: str(value) for name, value in (*numbers.items(), *about.items())}
        tags |= {"run": run.run_id, "results": file_hash(paths.EVALUATION)}
        run.attempt(lambda client: _set_measured(client, run, model, tags), lost=_NOT_TAGGED)


def registered_name(dataset: str) -> str:
    """The name of the registered model; MLflow takes no / and no : in it, a URI no @ and no %."""
    return f"clip-spm-{re.sub('[^A-Za-z0-9._ -]', '_', dataset)}"


def _register(client: Any, run: Run, model: FewShotModel) -> None:
    version = _found(client, run)
    if version is None:
        version = _new(client, run, model, trained_by=run.run_id)
    else:
        print(f"registered already: {_uri(version)}")
    move_best(client, version)


def _set_measured(client: Any, run: Run, model: FewShotModel, tags: Mapping[str, str]) -> None:
    version = _found(client, run)
    if version is None:
        trained_by = producer(client, path_key(paths.MODEL), content_hash(paths.MODEL))
        version = _new(client, run, model, trained_by=trained_by or run.run_id)
        move_best(client, version)
    new = {f"{_MEASURED}{name}": value for name, value in tags.items()}
    for name in version.tags:
        if name.startswith(_MEASURED) and name not in new:
            client.delete_model_version_tag(version.name, version.version, name)
    for name, value in new.items():
        client.set_model_version_tag(version.name, version.version, name, value)
    print(f"measured: {_uri(version)}")


def _found(client: Any, run: Run) -> Any:
    """The version of data/model; None if there is none."""
    name, content = registered_name(dataset_name(run.document)), content_hash(paths.MODEL)
    found = client.search_model_versions(f"name = '{name}' and tag.`{_HASH}` = '{content}'")
    return min(found, key=lambda each: int(each.version), default=None)


def _new(client: Any, run: Run, model: FewShotModel, *, trained_by: str) -> Any:
    """Registers data/model. trained_by: the id of the run that trained it, or else measured it."""
    name, method = registered_name(dataset_name(run.document)), model.config.model.method
    commit = client.get_run(trained_by).data.tags.get(_COMMIT)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    logged = log_model(client, paths.MODEL, model=model, run_id=trained_by)
    version = client.create_model_version(
        name,
        logged.artifact_location,
        run_id=trained_by,
        model_id=logged.model_id,
        tags={_HASH: content_hash(paths.MODEL), "method": method}
        | validation_tags(run.document, selection=model.config.selection)
        | ({_COMMIT: commit} if commit else {}),
    )
    there = json.dumps([{"name": name, "version": version.version}])
    client.set_logged_model_tags(logged.model_id, {_VERSIONS: there})
    print(f"registered: {_uri(version)}")
    return version


def _uri(version: Any) -> str:
    return f"models:/{version.name}/{version.version}"
