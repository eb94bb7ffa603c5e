"""What must not grow with the data set: bench.growth, scaled down."""

import pytest

from bench import growth
from bench.loading import episode_ms, sampler


def test_an_episode_of_a_million_clips_takes_as_long_as_one_of_a_thousand():
    small, large = (
        episode_ms(sampler(growth.even_classes(number))) for number in (1000, 1_000_000)
    )
    assert large < 3 * small  # drawing from a permutation of the clips takes 100 times as long


@pytest.mark.slow
def test_the_bench_prints_what_loading_and_planning_take(tmp_path):
    figures = [
        *growth.loading(tmp_path, num_clips=10_000),
        *growth.between(tmp_path, num_clips=10_000),
    ]
    assert [figure.unit for figure in figures] == ["s", "s", "MB", "ms", "ms", *"ssss"]
    assert all(figure.value > 0 for figure in figures)
    assert not any(figure.missed for figure in figures)


def test_a_missed_target_is_seen():
    assert growth.Figure("load", 2.0, "s", 2).missed
    assert not growth.Figure("load", 1.9, "s", 2).missed
    assert not growth.Figure("load", 1000, "s").missed


@pytest.mark.slow
def test_a_repro_with_nothing_to_do(tmp_path):
    seconds = growth.idle_repro(tmp_path, num_files=1000)
    assert 0 < seconds.cpu < 10  # 3 on the machine where it was measured
    assert seconds.wall > 0
