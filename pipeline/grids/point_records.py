"""Records of measured points in the state folder, each under a hash of all that decides its result.

    experiments/points/<key>/           point.json  evaluate.json  episodes.parquet  train.json  …
    experiments/points/<key>-trained/   point.json  train.json  …       of a point not evaluated

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
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.decoding.shard_plan import decoding_packages
from pipeline.grids.grid import Point
from spm.base.hashing import value_hash
from spm.base.versions import TRAINING, versions
from spm.video.counting_readers import check_installed

Stage = Literal["train", "evaluate"]
"""The last stage of a point: `train` where the accuracy in validation is all that is wanted."""

_TRAINED = ("data/train.json", "data/train_curves.csv")
_EVALUATED = ("data/results/evaluate.json", "data/results/episodes.parquet")
_KEPT: dict[Stage, tuple[str, ...]] = {"train": _TRAINED, "evaluate": _TRAINED + _EVALUATED}
_NOT_MEASURED = ("runtime", "report")


@dataclass(frozen=True)
class Measured:
    """The results of a point."""

    results: dict[str, Any]
    """Content of evaluate.json."""
    accuracies: NDArray[np.float64]
    """Accuracy of each test episode of the headline shot in percent, [E]."""


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

    def has(self, key: str, *, stage: Stage = "evaluate") -> bool:
        """Whether the point has been measured up to `stage`, or further."""
        return self._find(key, stage=stage) is not None

    def load(self, key: str) -> Measured:
        """Raises KeyError for a point that was not evaluated."""
        folder = self._existing(key, stage="evaluate")
        results = json.loads((folder / "evaluate.json").read_text(encoding="utf-8"))
        episodes = pq.read_table(folder / "episodes.parquet", columns=["shot", "accuracy"])
        headline = episodes["shot"].to_numpy() == results["shot"]
        return Measured(results, episodes["accuracy"].to_numpy()[headline])

    def validation(self, key: str) -> float | None:
        """Accuracy of the chosen weights in the validation episodes; None if nothing was trained.

        Raises KeyError for a point that was not trained.
        """
        path = self._existing(key, stage="train") / "train.json"
        found: float | None = json.loads(path.read_text(encoding="utf-8")).get("best_val_accuracy")
        return found

    def keep(self, key: str, *, copy: Path, point: Point, stage: Stage = "evaluate") -> None:
        """Copies the results up to `stage` out of a copy of the project.

        The record is complete or absent.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".", dir=self._folder))
        try:
            for name in _KEPT[stage]:
                shutil.copy(copy / name, temporary)
            about = {"row": point.row, "seed": point.seed, "parameters": point.parameters}
            (temporary / "point.json").write_text(
                json.dumps(about, indent=2) + "\n", encoding="utf-8"
            )
            temporary.rename(self._place(key, stage))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _existing(self, key: str, *, stage: Stage) -> Path:
        if (folder := self._find(key, stage=stage)) is None:
            raise KeyError(key)
        return folder

    def _find(self, key: str, *, stage: Stage) -> Path | None:
        """The record of the point up to `stage`, or further."""
        places = [self._place(key, "evaluate")]
        if stage == "train":
            places.append(self._place(key, "train"))
        return next((place for place in places if place.is_dir()), None)

    def _place(self, key: str, stage: Stage) -> Path:
        return self._folder / (f"{key}-trained" if stage == "train" else key)
