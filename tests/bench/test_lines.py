"""The measurements measure what they say: the reference is right, and a missed target is shown."""

import json

import pytest
import torch

from bench.__main__ import as_json, is_missed, row
from bench.otam import cell_by_cell
from bench.timing import Line, interleaved, least_cpu_seconds
from spm.nn.otam import otam


def test_the_reference_table_is_otam():
    distance = torch.rand(3, 2, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(cell_by_cell(distance), otam(distance, lam=0.5))


def test_variants_take_turns_and_the_first_round_does_not_count():
    calls: list[str] = []
    seconds = interleaved(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2
    )
    assert calls == ["a", "b"] * 3
    assert set(seconds) == {"a", "b"}


def test_the_fastest_run_counts_but_never_the_first(monkeypatch):
    durations = iter([1.0, 5.0, 2.0, 3.0])
    now = 0.0
    monkeypatch.setattr("time.process_time", lambda: now)

    def run() -> None:
        nonlocal now
        now += next(durations)

    assert least_cpu_seconds(run, repeats=3) == 2.0


@pytest.mark.parametrize(("target", "missed"), [(2.0, False), (4.0, True), (None, False)])
def test_a_missed_target_is_marked(target, missed):
    line = Line("reading", "PIL", ours=1.0, theirs=3.0, target=target)
    assert is_missed(line) == missed
    assert ("missed" in row(line)) == missed
    assert json.loads(as_json([line]))[0]["ratio"] == 3.0
