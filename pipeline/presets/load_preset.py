"""The values of a preset: a file beside this one, some sections of params.yaml with some of their
keys; or a benchmark (pipeline.presets.benchmark_preset)."""

from pathlib import Path
from typing import Any

from pipeline.presets.benchmark_preset import BACKBONE, SHOT, benchmark_preset
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.dataset import BENCHMARKS
from spm.config.dotted import flatten

PRESETS = Path(__file__).parent


def load_preset(
    name: str,
    *,
    shot: int | None = None,
    backbone: str | None = None,
    presets: Path = PRESETS,
) -> dict[str, Any]:
    """Dotted name -> value. K and backbone are a benchmark's: 1 and ViT-B-16 if not given.

    Raises ConfigError that lists the presets for an unknown name; and for K or a backbone of
    another preset.
    """
    known = sorted(found.stem for found in presets.glob("*.yaml"))
    if name not in (*known, *BENCHMARKS):
        raise ConfigError(
            f"there is no preset {name!r}; presets: {', '.join([*known, *BENCHMARKS])}"
        )
    if name in BENCHMARKS:
        return benchmark_preset(
            name, shot=SHOT if shot is None else shot, backbone=backbone or BACKBONE
        )
    if shot is not None or backbone is not None:
        raise ConfigError(f"shot and backbone belong to a benchmark's preset, not to {name!r}")
    return flatten(read_yaml(presets / f"{name}.yaml"))
