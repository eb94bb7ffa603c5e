"""Values that make a method small enough for tests: `small.yaml` in the folder of its tests."""

from pathlib import Path
from typing import Any

from spm.base.yaml_file import read_yaml


def small(name: str) -> dict[str, Any]:
    """The values of method `name` to change; none if its tests have no such file."""
    path = Path(__file__).parent / name / "small.yaml"
    return read_yaml(path) if path.is_file() else {}
