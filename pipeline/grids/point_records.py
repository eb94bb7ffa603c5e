"""What is kept of each point that was measured, in the state folder, under the name of its content.

    experiments/points/<key>/   point.json  evaluate.json  episodes.parquet  train.json  …

The key names all that decides the result: every parameter of the sections that are measured, the
code, the versions of packages, and the files from outside. So an edited grid finds its old points,
two grids share what they have in common, and a change of anything that matters makes a point new.
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
    """What a point came to."""

    results: dict[str, Any]
    """evaluate.json."""
    accuracies: NDArray[np.float64]
    """Percent, of each test episode of the headline shot, [E]."""


def point_key(point: Point, *, code: Mapping[str, str], outside: Mapping[str, str]) -> str:
    """`code`: path -> git hash; `outside`: as `OutsideFiles.of` gives it.

    Raises ConfigError where the library that frames.reader names is not installed.
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
        return Measured(results, episodes["accuracy"].to_numpy()[headline])

    def keep(self, key: str, *, copy: Path, point: Point) -> None:
        """Takes the results out of a copy of the project: a record is there whole or not at all."""
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
