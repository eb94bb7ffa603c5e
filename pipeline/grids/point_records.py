"""Records of measured points in the state folder, each under a hash of all that decides its result.

    experiments/points/<key>/   point.json  evaluate.json  episodes.parquet  train.json  …

The key covers every parameter of the sections that are measured, the code, the versions of packages
and the outside files. So an edited grid finds its old points, two grids share common points, and a
change of anything that matters makes a point new.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.decoding.shard_plan import decoding_packages
from pipeline.grids.grid import Point
from spm.base.hashing import value_hash
from spm.base.versions import TRAINING, versions
from spm.video.counting_readers import check_installed

_KEPT = (
    *("data/train.json", "data/train_curves.csv"),
    *("data/results/evaluate.json", "data/results/episodes.parquet"),
)
_NOT_MEASURED = ("runtime", "report")


@dataclass(frozen=True)
class Measured:
    """The results of a point."""

    results: dict[str, Any]
    """Content of evaluate.json."""
    accuracies: NDArray[np.float64]
    """Accuracy of each test episode of the headline shot in percent, [E]."""
    validation: float | None = None
    """Accuracy of the chosen weights in the validation episodes; None if there was no training."""


def point_key(point: Point, *, code: Mapping[str, str], outside: Mapping[str, str]) -> str:
    """The key of a point's record. `code`: path -> git hash; `outside`: from `OutsideFiles.of`.

    Raises ConfigError if the library that frames.reader names is not installed.
    """
    parameters = {k: v for k, v in point.parameters.items() if k not in _NOT_MEASURED}
    reader = parameters["frames"]["reader"]
    check_installed(reader)
    packages = decoding_packages(reader) | versions(TRAINING)
    named = {"parameters": parameters, "code": code, "packages": packages, "outside": outside}
    return value_hash(named)[:24]


class PointRecords:
    """The records in `folder`, by key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, key: str) -> bool:
        return (self._folder / key).is_dir()

    def load(self, key: str) -> Measured:
        folder = self._folder / key
        results = json.loads((folder / "evaluate.json").read_text(encoding="utf-8"))
        episodes = pq.read_table(folder / "episodes.parquet", columns=["shot", "accuracy"])
        headline = episodes["shot"].to_numpy() == results["shot"]
        trained = json.loads((folder / "train.json").read_text(encoding="utf-8"))
        return Measured(
            results, episodes["accuracy"].to_numpy()[headline], trained.get("best_val_accuracy")
        )

    def keep(self, key: str, *, copy: Path, point: Point) -> None:
        """Copies the results out of a copy of the project. The record is complete or absent."""
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".", dir=self._folder))
        try:
            for name in _KEPT:
                shutil.copy(copy / name, temporary)
            about = {"row": point.row, "seed": point.seed, "parameters": point.parameters}
            (temporary / "point.json").write_text(
                json.dumps(about, indent=2) + "\n", encoding="utf-8"
            )
            temporary.rename(self._folder / key)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
