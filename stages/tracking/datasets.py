"""What a stage reads of the data set, for the column Dataset of MLflow's table of runs.

motion frames (6c1b…)    training        name, beginning of the content's hash, context
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.shared import paths

_ARTEFACTS = {
    paths.INVENTORY: "inventory",
    paths.MANIFEST: "manifest",
    paths.FRAMES: "frames",
    paths.FEATURES: "features",
    paths.PROMPTS: "prompts",
}
_CONTEXTS = {"train": "training", "evaluate": "evaluation", "report": "report"}
_PREPARATION = "preparation"
_DIGEST = 36  # MLflow's limit for the characters of a digest


def dataset_inputs(stage: str, *, dataset: str, contents: Mapping[Path, str]) -> list[Any]:
    """MLflow's inputs of a stage's run. contents: dep -> its hash (provenance.content_hash)."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    context = InputTag("mlflow.data.context", _CONTEXTS.get(stage, _PREPARATION))
    return [
        DatasetInput(
            Dataset(
                name=f"{dataset} {_ARTEFACTS[path]}",
                digest=content[:_DIGEST],
                source_type="local",
                source=json.dumps({"uri": path.as_posix()}),
            ),
            [context],
        )
        for path, content in contents.items()
        if path in _ARTEFACTS and _holds_anything(path)
    ]


def _holds_anything(path: Path) -> bool:
    """data/features is an empty folder where no tower is frozen."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))
