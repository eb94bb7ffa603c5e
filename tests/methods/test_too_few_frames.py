"""Clips with fewer frames than a method needs are refused before one of them is decoded."""

from typing import Any

import pytest

import spm.methods
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.model import method_values, read_values
from spm.config.sections import check_all
from spm.methods.registry import has_parameters
from stages.shared import params
from tests.methods.small import small

FEWEST = [
    ("trx", {"cardinalities": [2, 5]}, 5, r" with model\.cardinalities = \[2, 5\]"),
    ("dpn", {"cardinalities": [5]}, 5, r" with model\.cardinalities = \[5\]"),
    ("strm", {"cardinalities": [3, 2]}, 3, r" with model\.cardinalities = \[3, 2\]"),
    ("strm", {"cardinalities": [1]}, 2, ""),
    ("clip_m2df", {"selected_frames": 5}, 5, r" with model\.selected_frames = 5"),
    ("hyrsm", {"window": 3, "smoothness_weight": 0.1}, 4, r" with model\.window = 3"),
    ("clip_spm", {"hsmr": True}, 2, r" with model\.hsmr = True"),
    ("clip_cpm2c", {}, 2, ""),
    ("clip_mei", {}, 2, ""),
    ("molo", {}, 2, ""),
]
"""Method, values, the fewest frames with these values, and the one that decides, as it is said."""


def _build(name: str, *, num_frames: int, **values: Any) -> None:
    sizes = {"channels": 16, "num_frames": num_frames, "train_classes": 7, "map_size": 4}
    spm.methods.build(name, **sizes | small(name) | values)


def _check_params(name: str, *, num_frames: int, **values: Any) -> None:
    document = read_yaml(params.PARAMS)
    document["frames"]["num_segments"] = num_frames
    check_all(document | {"model": method_values(name) | values})


def _said(name: str, fewest: int, given: str) -> str:
    other = rf", or choose another {given.split()[1]}" if given else ""
    return (
        rf"^{name}{given} takes clips of {fewest} frames or more, and a clip has {fewest - 1}: "
        rf"set frames\.num_segments to {fewest} or more{other}$"
    )


@pytest.mark.parametrize(("name", "values", "fewest", "given"), FEWEST)
def test_no_method_is_built_for_them(
    name: str, values: dict[str, Any], fewest: int, given: str
) -> None:
    _build(name, num_frames=fewest, **values)
    with pytest.raises(ConfigError, match=_said(name, fewest, given)):
        _build(name, num_frames=fewest - 1, **values)


@pytest.mark.parametrize(
    ("name", "values", "fewest", "given"), [each for each in FEWEST if each[2] > 2]
)
def test_params_yaml_is_refused_that_asks_for_them(
    name: str, values: dict[str, Any], fewest: int, given: str
) -> None:
    _check_params(name, num_frames=fewest, **values)
    with pytest.raises(ConfigError, match=_said(name, fewest, given)):
        _check_params(name, num_frames=fewest - 1, **values)


def test_what_is_switched_off_needs_no_frames() -> None:
    _build("hyrsm", num_frames=1, window=3, smoothness_weight=0.0)
    _build("clip_spm", num_frames=1, hsmr=False)


@pytest.mark.parametrize(
    ("name", "values"), [("trx", {"cardinalities": [9, 10]}), ("strm", {"patches": 16})]
)
def test_whether_a_method_has_parameters_is_known_whatever_its_sizes(
    name: str, values: dict[str, Any]
) -> None:
    assert has_parameters(read_values(name, **values))
