"""What a method's public release trained with: `released.yaml` in the method's folder.

    train.optimizer: sgd            # a parameter of params.yaml by its dotted name
    datasets:                       # what holds for one data set alone,
      hmdb51:
        train.lr: 0.0001
        shots: {5: {…}}             # for one K there, ...
    backbones: {RN50: {…}}

The optimiser, its rate and schedule, queries, weights of losses; not the augmentation, which is
the project's for every method, nor selection on the test split.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.presets.benchmark_preset import VALIDATIONS
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.dataset import BENCHMARKS
from spm.config.model import method_file, method_names

FILE = "released.yaml"
_AXES = ("backbones", "shots", "datasets")


def released_training(method: str, *, dataset: str, shot: int, backbone: str) -> dict[str, Any]:
    """Dotted name -> value. Raises ConfigError for a method without a release, or a built-in data
    set, on which no release was trained."""
    path = method_file(method, FILE)
    if not path.is_file():
        there_are = [name for name in method_names() if method_file(name, FILE).is_file()]
        if method == "clip_spm":
            raise ConfigError(
                "CLIP-SPM's release is the preset `release`: a benchmark's preset, then "
                "`clip-spm preset release`"
            )
        raise ConfigError(
            f"no public release says what {method} was trained with; those that say so: "
            f"{', '.join(there_are)}"
        )
    if dataset not in BENCHMARKS:
        raise ConfigError(
            f"no release was trained on {dataset!r}: name a benchmark too, one of "
            f"{', '.join(BENCHMARKS)}"
        )
    chosen = {"backbones": backbone, "shots": shot, "datasets": dataset}
    values = _resolved(read_yaml(path), chosen)
    if "train.episodes" in values:
        values["train.validate_every"] = values["train.episodes"] // VALIDATIONS
    return values


def _resolved(node: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    values = {key: value for key, value in node.items() if key not in _AXES}
    for axis in _AXES:
        if (found := node.get(axis, {}).get(chosen[axis])) is not None:
            values |= _resolved(found, chosen)
    return values
