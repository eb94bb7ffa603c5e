"""bench.method_costs: what a row costs, and the page that joins it with the row's accuracy."""

from pathlib import Path

import pytest

from bench.method_costs import Cost, markdown, measure
from pipeline.grids.grid import load_grid
from spm.base.yaml_file import read_yaml


@pytest.fixture(scope="module")
def grid():
    return load_grid("methods", document=read_yaml(Path("params.yaml")))


def test_a_row_that_trains_nothing_has_no_time_of_training(grid):
    cost = measure(grid.rows["OTAM"], evaluated=5)
    assert (cost.parameters, cost.training_ms) == (0, None)
    assert cost.evaluation_ms > 0


def test_the_parameters_are_those_that_training_changes(grid):
    frozen = measure(grid.rows["CMN embedding"], rounds=1, evaluated=5)
    assert 0 < frozen.parameters < 1_000_000  # builtin-clip has millions
    assert frozen.training_ms > 0
    assert frozen.memory_mb >= 0


def test_a_row_without_an_accuracy_has_its_costs():
    costs = {"a": Cost(1_200_000, 12.34, 1.5, 99.6), "b": Cost(0, None, 0.25, 3.0)}
    measured = {"b": {"accuracy": 80.126, "difference": -1.5, "ci95": 0.25}}
    *_, a, b = markdown(costs, measured).splitlines()
    assert a == "| a | - | - | - | - | - | 1,200,000 | 12.3 | 1.50 | 100 |"
    assert b == "| b | 80.13 | - | - | -1.50 ± 0.25 | - | 0 | - | 0.25 | 3 |"
