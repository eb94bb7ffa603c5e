"""The accuracies that a method's paper reports, from `paper.yaml` in the method's folder."""

from functools import cache
from typing import Any

from spm.base.yaml_file import read_yaml
from spm.config.model import method_file

_WAY = 5


def paper_accuracy(
    method: str, benchmark: str | None, *, backbone: str, way: int, shot: int
) -> float | None:
    """The reported 5-way accuracy in percent, for this backbone and shot; None: not reported.

    >>> paper_accuracy("clip_spm", "ssv2_small", backbone="ViT-B-16-quickgelu", way=5, shot=1)
    57.8
    """
    if benchmark is None or way != _WAY:
        return None
    by_backbone = _reported(method).get(benchmark, {})
    accuracy: float | None = by_backbone.get(backbone.removesuffix("-quickgelu"), {}).get(shot)
    return accuracy


@cache
def _reported(method: str) -> dict[str, Any]:
    path = method_file(method, "paper.yaml")
    return read_yaml(path) if path.is_file() else {}
