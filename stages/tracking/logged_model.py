"""Logs a model folder to MLflow, with a signature, an example and requirements.

    MLmodel, requirements.txt, input_example.json, …     MLflow's own
    model/                                               the model folder, as data/model

Nothing is pickled: stages.tracking.pyfunc, a module of the clone, loads the model folder.
"""

import json
import tempfile
import tomllib
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spm.model.model import FewShotModel
from stages.tracking.pyfunc import FOLDER
from stages.tracking.store import uploading

_EXAMPLE = "input_example.json"
_LOADER = "stages.tracking.pyfunc"
_PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def log_model(client: Any, folder: Path, *, model: FewShotModel, run_id: str) -> Any:
    """Uploads the model folder, from which `model` is; returns MLflow's LoggedModel.

    run_id: of the run that trained it.
    """
    from mlflow.entities import LoggedModelOutput

    logged = client.create_logged_model(
        client.get_run(run_id).info.experiment_id,
        name=model.config.model.method,
        source_run_id=run_id,
    )
    try:
        with tempfile.TemporaryDirectory() as temporary, uploading():
            described = Path(temporary) / "described"
            _describe(described, model=model, logged=logged)
            client.log_model_artifacts(logged.model_id, str(described))
            client.log_model_artifacts(logged.model_id, str(folder), FOLDER)
    except Exception:
        client.finalize_logged_model(logged.model_id, "FAILED")
        raise
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return client.finalize_logged_model(logged.model_id, "READY")


def example(model: FewShotModel) -> dict[str, NDArray[Any]]:
    """An episode as stages.tracking.pyfunc takes it: a clip that gets brighter and one that gets
    darker, two classes; the query gets brighter."""
    frames, size = model.config.frames.num_segments, model.image_size
    brighter = np.linspace(0, 255, frames).astype(np.uint8)[:, None, None, None]
    clips = [np.tile(clip, (1, size, size, 3)) for clip in (brighter, brighter[::-1])]
    episode: dict[str, NDArray[Any]] = {
        "support": np.stack(clips),
        "support_labels": np.arange(2, dtype=np.int64),
        "query": clips[0][None],
    }
    if model.config.model.needs.text:
        episode["class_text"] = np.eye(2, model.channels, dtype=np.float32)
    return episode


def requirements() -> list[str]:
    """The packages that `import spm` needs, at this Python's versions: ["torch==2.14.1", …].

    The suffix of a local build ("+cpu") is left out, since no public index has it.
    """
    from packaging.requirements import Requirement
    from packaging.version import Version

    project = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))["project"]
    needed = [Requirement(line) for line in project["dependencies"]]
    names = [each.name for each in needed if each.marker is None or each.marker.evaluate()]
    return [f"{name}=={Version(version(name)).public}" for name in names]


def _describe(folder: Path, *, model: FewShotModel, logged: Any) -> None:
    """Writes MLflow's own files, without the weights."""
    from mlflow import pyfunc
    from mlflow.models import Model

    described = Model(
        artifact_path=logged.artifact_location,
        run_id=logged.source_run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
        saved_input_example_info={"artifact_path": _EXAMPLE, "type": "ndarray"},
    )
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # that it lacks an example
        pyfunc.save_model(
            folder,
            loader_module=_LOADER,
            mlflow_model=described,
            signature=_signature(model),
            pip_requirements=requirements(),
        )
    # MLflow itself would write it twice, in 8 times the size and the time
    values = {name: array.tolist() for name, array in example(model).items()}
    text = json.dumps(values, separators=(",", ":"))
    (folder / _EXAMPLE).write_text(text, encoding="utf-8")


def _signature(model: FewShotModel) -> Any:
    """Of any number of clips and classes; the number of frames and their size are the model's."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    takes: list[Any] = [
        TensorSpec(values.dtype, (-1, *values.shape[1:]), name)
        for name, values in example(model).items()
    ]
    gives: list[Any] = [TensorSpec(np.dtype(np.float32), (-1, -1))]
    return ModelSignature(inputs=Schema(takes), outputs=Schema(gives))
