"""No damaged file ends a run. (python -m bench.corruption prints the table.)"""

from collections import Counter

import numpy as np
import pytest

from bench.corruption import DAMAGES, RIGHT, WRONG, campaign, damaged, table


@pytest.mark.parametrize("variants", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_every_damaged_file_has_an_outcome(tmp_path, variants):
    outcomes = list(campaign(tmp_path, variants=variants, seed=0))
    assert len(outcomes) == variants
    results = Counter(outcome.result for outcome in outcomes)
    assert not [result for result in results if result.startswith("transient")]
    assert sum(results[name] for name in RIGHT) > 0.1 * variants  # what is not touched is used
    wrong = [outcome.container for outcome in outcomes if outcome.result in WRONG]
    assert len(wrong) - wrong.count("webm (VP9)") < 0.02 * variants
    assert len(wrong) < 0.15 * variants  # VP9 has no means to notice a changed bit


def test_a_container_that_a_reader_refuses_is_left_out(tmp_path):
    outcomes = list(campaign(tmp_path, variants=9, seed=0, reader="decord"))
    assert {outcome.container for outcome in outcomes} == {
        "mp4 (H.264)",
        "mkv (H.264)",
        "webm (VP9)",
    }


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_differs_from_file_to_file_and_not_from_run_to_run(damage):
    data = bytes(range(256)) * 40
    first, again, other = (
        damaged(data, damage=damage, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again != data
    assert first != other


def test_the_table_counts_each_file_once_in_each_part(tmp_path):
    outcomes = list(campaign(tmp_path, variants=24, seed=1))
    rows = [line.split(" | ") for line in table(outcomes).splitlines()[2:]]
    counts = np.array([[int(cell.strip(" |")) for cell in row[1:]] for row in rows])
    assert counts[:, 0].sum() == counts[:, 1:4].sum() == counts[:, 4:].sum() == 24
