"""Models as the stages `train` and `evaluate` record them in MLflow."""

import json
from typing import Any

from spm.base.yaml_file import read_yaml
from spm.model.model import FewShotModel, load_model, save_model
from stages.shared import params, paths
from stages.tracking import runs as tracking
from stages.tracking.registry import register, tag_measured
from tests import models

NAME = "clip-spm-motion"


def change(section: str, **values: object) -> None:
    document = read_yaml(params.PARAMS)
    document[section] |= values
    params.PARAMS.write_text(json.dumps(document))


def client() -> Any:
    import mlflow

    uri = f"sqlite:///{paths.state_dir() / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient(uri)


def write(accuracy: float | None, *, seed: int, selection: str = "validation") -> FewShotModel:
    """What `train` writes: a model of this seed."""
    model = models.build(seed=seed).float()
    model.config = model.config.model_copy(update={"selection": selection})
    save_model(model, paths.MODEL)
    found = {} if accuracy is None else {"best_val_accuracy": accuracy}
    paths.TRAIN_METRICS.write_text(json.dumps(found))
    return load_model(paths.MODEL)


def trained(accuracy: float | None, *, seed: int = 0, selection: str = "validation") -> str:
    """As the stage `train` does it; returns the id of the run."""
    with tracking.stage_run("train", params={}, outs=[paths.MODEL]) as run:
        register(run, write(accuracy, seed=seed, selection=selection))
    return run.run_id


def measured(**numbers: float) -> str:
    """As the stage `evaluate` does it; returns the id of the run."""
    paths.EVALUATION.parent.mkdir(exist_ok=True)
    paths.EVALUATION.write_text(json.dumps(numbers))
    with tracking.stage_run("evaluate", params={}) as run:
        tag_measured(run, load_model(paths.MODEL), numbers=numbers, about={"shots": "1, 5"})
    return run.run_id
