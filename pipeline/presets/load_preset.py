"""The values of a preset, one of three kinds:

    motion, paper, release    a file beside this one: some sections of params.yaml, with some keys
    things                    a file too: what differs from `motion`, which the preset includes
    hmdb51, …                 a benchmark, with K and a backbone (pipeline.presets.benchmark_preset)
    clip_spm, otam, …         a method: the section `model`, whole (spm/methods/NAME/values.yaml)

A data set's preset includes the values that the method of params.yaml has for the data set:
`datasets.yaml` in the method's folder.
"""

from pathlib import Path
from typing import Any

from pipeline.presets.benchmark_preset import BACKBONE, SHOT, benchmark_preset
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.dataset import BENCHMARKS, BUILT_IN
from spm.config.dotted import flatten
from spm.config.model import method_file, method_names, method_values

PRESETS = Path(__file__).parent
_MOTION = "motion"


def load_preset(
    name: str,
    *,
    method: str,
    dataset: str,
    shot: int | None = None,
    backbone: str | None = None,
    presets: Path = PRESETS,
) -> dict[str, Any]:
    """Dotted name -> value. `shot` and `backbone` are for benchmarks: 1 and ViT-B-16 if not given.

    method, dataset: the `model.method` and the data set that the values will be used with. Raises
    ConfigError that lists the presets for an unknown name; and for `shot` or `backbone` with
    another preset.
    """
    known = [*preset_names(presets), *method_names()]
    if name not in known:
        raise ConfigError(f"there is no preset {name!r}; presets: {', '.join(known)}")
    if name in BENCHMARKS:
        values = benchmark_preset(
            name, shot=SHOT if shot is None else shot, backbone=backbone or BACKBONE
        )
        return values | _of_method(method, dataset=name)
    if shot is not None or backbone is not None:
        raise ConfigError(f"shot and backbone belong to a benchmark's preset, not to {name!r}")
    if name in method_names():
        return flatten({"model": method_values(name)}) | _of_method(name, dataset=dataset)
    if name in BUILT_IN:
        return _built_in(name, presets=presets) | _of_method(method, dataset=name)
    return flatten(read_yaml(presets / f"{name}.yaml")) | _of_method(method, dataset=name)


def preset_names(presets: Path = PRESETS) -> list[str]:
    """The presets that are no method's: those in files, and the benchmarks'."""
    return [*sorted(found.stem for found in presets.glob("*.yaml")), *BENCHMARKS]


def _built_in(name: str, *, presets: Path) -> dict[str, Any]:
    """The values of `motion`, overridden by those of another built-in data set."""
    motion, own = (flatten(read_yaml(presets / f"{each}.yaml")) for each in (_MOTION, name))
    return motion | own


def _of_method(method: str, *, dataset: str) -> dict[str, Any]:
    """The method's values for a data set; {} for most data sets. Built-in ones have one row."""
    path = method_file(method, "datasets.yaml")
    row = _MOTION if dataset in BUILT_IN else dataset
    values = read_yaml(path).get(row, {}) if path.is_file() else {}
    return flatten({"model": values}) if values else {}
