"""The schedule of a training: every episode once, in order, with the steps where they belong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm.base.yaml_file import read_yaml
from spm.config.train import TrainConfig
from spm.training.schedule import schedule
from stages.shared import params


def _config(**changes) -> TrainConfig:
    return TrainConfig(**read_yaml(params.PARAMS)["train"] | changes)


def _drawn(config: TrainConfig, first: int = 0) -> str:
    """As in the module's docstring: s a step, v a validation, * both."""
    marks = {(True, False): "s", (False, True): "v", (True, True): "*"}
    return "".join(
        "-" * (len(each.episodes) - 1) + marks[each.steps, each.validates]
        for each in schedule(config, first=first)
    )


@pytest.mark.parametrize(
    ("changes", "drawn"),
    [
        ({}, "---s-v-s---*"),
        ({"episodes": 10}, "---s-v-s-*"),
        ({"steps_early": True}, "--s--vs---sv"),
        ({"accumulate": 1}, "sssss*sssss*"),
    ],
)
def test_steps_and_validations(changes, drawn):
    config = _config(**{"episodes": 12, "accumulate": 4, "validate_every": 6} | changes)
    assert _drawn(config) == drawn


@given(
    episodes=st.integers(2, 60),
    accumulate=st.integers(2, 9),
    validate_every=st.integers(1, 20),
    steps_early=st.booleans(),
    size=st.integers(1, 5),
)
@settings(deadline=None)
def test_a_resumed_schedule_is_the_rest_of_the_whole(
    episodes, accumulate, validate_every, steps_early, size
):
    config = _config(
        episodes=episodes,
        accumulate=min(accumulate, episodes),
        validate_every=validate_every,
        steps_early=steps_early,
    )
    whole = list(schedule(config, first=0))
    indices = [index for each in whole for group in each.groups(size) for index in group]
    assert indices == list(range(episodes))
    assert all(len(group) <= size for each in whole for group in each.groups(size))
    for number, each in enumerate(whole):
        if each.steps:
            assert list(schedule(config, first=each.episodes.stop)) == whole[number + 1 :]
