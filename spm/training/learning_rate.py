"""The learning rate of each optimizer step: `train.lr` times a factor.

warmup 300, warmup_factor 0.1, schedule steps, milestones [600, 900], factors [0.5, 0.1]

1.0            +------+
0.5         /         +------+
0.1     /                    +------
episodes  0   300    600    900
"""

import math
from bisect import bisect_right

import torch
from torch.optim.lr_scheduler import LambdaLR

from spm.config.train import TrainConfig


def build_scheduler(optimizer: torch.optim.Optimizer, config: TrainConfig) -> LambdaLR:
    """The scheduler of `optimizer`'s rate; its `step` follows each step of the optimizer."""

    def of_step(number: int) -> float:
        return lr_factor(config, episodes=max(0, number * config.accumulate - config.steps_early))

    return LambdaLR(optimizer, of_step)


def lr_factor(config: TrainConfig, *, episodes: int) -> float:
    """The share of `train.lr` at which a step is taken whose first episode is number `episodes`."""
    if episodes < config.warmup:
        return config.warmup_factor + (1 - config.warmup_factor) * episodes / config.warmup
    if config.schedule == "steps":
        passed = bisect_right(config.milestones, episodes)
        return config.factors[passed - 1] if passed else 1.0
    if config.schedule == "cosine":
        done = (episodes - config.warmup) / (config.episodes - config.warmup)
        cosine = (1 + math.cos(math.pi * min(done, 1.0))) / 2
        return config.final_factor + (1 - config.final_factor) * cosine
    return 1.0
