"""No damaged file ends a run. (python -m bench.damage prints the table.)"""

import sys
from collections import Counter

import numpy as np
import pytest

from bench import damage
from bench.damage import (
    DAMAGED,
    ENDED,
    GOOD,
    OTHER,
    RIGHT,
    SAME,
    WRONG,
    WRONG_PICTURES,
    campaign,
    table,
)
from bench.harm import HARMS
from spm.base.errors import DataError, TransientError

FEW = [s for s in GOOD if s.name in ("h264.mp4", "h264.mkv", "mpeg4-pauses.avi", "vp8.webm")]
LENIENT = {"ts", "mpg", "wmv", "flv"}
"""Containers that do not say how long they are."""


def test_every_damaged_file_has_an_outcome(tmp_path):
    outcomes = list(campaign(tmp_path, variants=56, seed=0, samples=FEW))
    results = Counter(outcome.result for outcome in outcomes)
    assert results.total() == 56
    assert not results[ENDED]
    assert sum(results[name] for name in RIGHT) > 5  # what is not touched is used
    assert {outcome.damage for outcome in outcomes} == set(HARMS)
    assert [each.result for each in outcomes if each.damage == "cut off"] == ["truncated"] * 8


@pytest.mark.slow
def test_some_of_every_kind(tmp_path):
    outcomes = list(campaign(tmp_path, variants=7 * len(GOOD), seed=0))
    results = Counter(outcome.result for outcome in outcomes)
    assert not results[ENDED]
    wrong = [each for each in outcomes if each.result in WRONG and each.container not in LENIENT]
    assert len(wrong) < 0.15 * len(outcomes)
    assert {each.container for each in outcomes} >= {"mp4", "mov", "mkv", "webm", "avi", *LENIENT}


def test_a_container_that_a_reader_refuses_is_left_out(tmp_path):
    outcomes = list(campaign(tmp_path, variants=9, seed=0, reader="decord", samples=FEW))
    assert {outcome.container for outcome in outcomes} == {"mp4", "mkv", "webm"}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("data", [bytes(range(256)) * 40, bytes(10_000)], ids=["all", "zeros"])
def test_damage_differs_from_file_to_file_and_not_from_run_to_run(harm, data):
    first, again, other = (HARMS[harm](data, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != data
    assert other != data
    assert first != other


@pytest.mark.parametrize(
    ("raised", "result"),
    [
        (DataError("damaged: cannot be decoded after 3 of 40 frames (x)"), DAMAGED),
        (DataError("no video stream"), "nothing to read"),
        (DataError("the frame size changes within the video"), "refused else"),
        (DataError("the decoder crashed (SIGSEGV)"), "crashed"),
        (DataError("the reader failed: KeyError: 3"), "crashed"),
        (TransientError("out of time: not read within 20 s"), "out of time"),
        (TransientError("out of memory: takes more than 1024 MB"), "out of memory"),
        (OSError("disk"), ENDED),
    ],
)
def test_what_becomes_of_a_reason(tmp_path, raised, result):
    def read(path):
        raise raised

    assert damage._result(tmp_path, read=read, expected=None) == result


def test_an_error_that_ends_the_stage_is_counted_and_is_the_exit_status(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["damage", "3"])
    outcomes = [damage.Outcome("mp4", "cut off", result) for result in (SAME, ENDED, ENDED)]
    monkeypatch.setattr(damage, "campaign", lambda *args, **kwargs: iter(outcomes))
    assert damage.main() == 1
    assert capsys.readouterr().out.endswith("3 files; ended runs: 2\n")


def test_the_table_counts_each_file_once_in_each_part():
    outcomes = [
        damage.Outcome("mp4", "cut off", DAMAGED),
        damage.Outcome("mp4", "a piece lost", SAME),
        damage.Outcome("avi", "cut off", OTHER),
        damage.Outcome("avi", "cut off", WRONG_PICTURES),
    ]
    head, _, *rows = table(outcomes).splitlines()
    assert head == (
        "| container | damage | files | same pixels | other pixels | wrong pictures | damaged |"
    )
    assert rows == [
        "| all | all | 4 | 1 | 1 | 1 | 1 |",
        "| all | cut off | 3 | 0 | 1 | 1 | 1 |",
        "| all | a piece lost | 1 | 1 | 0 | 0 | 0 |",
        "| avi | all | 2 | 0 | 1 | 1 | 0 |",
        "| avi | cut off | 2 | 0 | 1 | 1 | 0 |",
        "| mp4 | all | 2 | 1 | 0 | 0 | 1 |",
        "| mp4 | cut off | 1 | 0 | 0 | 0 | 1 |",
        "| mp4 | a piece lost | 1 | 1 | 0 | 0 | 0 |",
    ]
