"""The learning rate: its factor at each episode, and torch's own schedulers as a reference."""

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, MultiStepLR, SequentialLR

from spm.training.learning_rate import build_scheduler, lr_factor
from tests.training.test_schedule import _config

CONSTANT = {"schedule": "constant"}
WARMUP = {"warmup": 400, "warmup_factor": 0.2}
STEPS = {"schedule": "steps", "milestones": [500, 700], "factors": [0.5, 0.01]}
COSINE = {"schedule": "cosine", "final_factor": 0.1}


@pytest.mark.parametrize(
    ("changes", "factors"),
    [
        (CONSTANT, {0: 1, 999: 1}),
        (CONSTANT | WARMUP, {0: 0.2, 100: 0.4, 399: 0.998, 400: 1, 999: 1}),
        (STEPS, {0: 1, 499: 1, 500: 0.5, 699: 0.5, 700: 0.01, 999: 0.01}),
        (WARMUP | STEPS, {0: 0.2, 200: 0.6, 400: 1, 500: 0.5, 999: 0.01}),
        (STEPS | {"factors": [2.0, 1.0]}, {0: 1, 500: 2, 700: 1}),
        (STEPS | {"warmup": 500}, {0: 0.1, 499: 0.9982, 500: 0.5}),
        (COSINE, {0: 1, 500: 0.55, 1000: 0.1, 1008: 0.1}),
        (COSINE | {"final_factor": 0.0}, {0: 1, 250: 0.853553, 500: 0.5, 750: 0.146447, 1000: 0}),
        (WARMUP | COSINE, {0: 0.2, 400: 1, 700: 0.55, 1000: 0.1}),
    ],
)
def test_the_share_of_lr_after_so_many_episodes(changes, factors):
    config = _config(episodes=1000, **changes)
    found = {episodes: lr_factor(config, episodes=episodes) for episodes in factors}
    assert found == pytest.approx(factors, abs=1e-6)


def _optimizer() -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=0.01)


def _rates(scheduler, *, steps: int) -> list[float]:
    rates = []
    for _ in range(steps):
        rates.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return rates


def _cosine(optimizer):
    return CosineAnnealingLR(optimizer, T_max=40, eta_min=0.001)


@pytest.mark.parametrize(
    ("changes", "reference"),
    [
        (
            {"schedule": "steps", "milestones": [80, 160], "factors": [0.1, 0.01]},
            lambda optimizer: MultiStepLR(optimizer, [20, 40], gamma=0.1),
        ),
        (
            {"episodes": 160} | COSINE,
            _cosine,
        ),
        (
            {"warmup": 40, "warmup_factor": 0.2} | COSINE,
            lambda optimizer: SequentialLR(
                optimizer,
                [LinearLR(optimizer, start_factor=0.2, total_iters=10), _cosine(optimizer)],
                milestones=[10],
            ),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:The epoch parameter")
def test_the_rates_are_those_of_torchs_schedulers(changes, reference):
    config = _config(**{"episodes": 200, "accumulate": 4} | changes)
    steps = config.episodes // 4
    ours = _rates(build_scheduler(_optimizer(), config), steps=steps)
    assert ours == pytest.approx(_rates(reference(_optimizer()), steps=steps))


def test_a_scheduler_goes_on_from_its_state():
    config = _config(episodes=40, accumulate=4, steps_early=True, warmup=8, schedule="cosine")
    whole = _rates(build_scheduler(_optimizer(), config), steps=10)
    first = build_scheduler(_optimizer(), config)
    begun = _rates(first, steps=3)
    second = build_scheduler(_optimizer(), config)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.load_state_dict(first.state_dict())
    assert begun + _rates(second, steps=7) == whole
