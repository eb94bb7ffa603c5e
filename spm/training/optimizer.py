"""The optimizer of a training, and the parameters that its weight decay leaves out."""

from typing import Any

import torch
from torch import nn

from spm.base.errors import ConfigError
from spm.config.train import TrainConfig


def build_optimizer(
    model: nn.Module, config: TrainConfig, *, device: torch.device
) -> torch.optim.Optimizer:
    """The optimizer that `config` names: on a GPU fused into one kernel; on a CPU torch's
    reference implementation. Raises ConfigError for a model without a parameter to train."""
    groups = parameter_groups(model, config)
    if not groups:
        raise ConfigError(
            "the model has no parameter to train: its tower is frozen, and its method has none. "
            "Set train.episodes: 0, or backbone.frozen: false"
        )
    fused = True if device.type == "cuda" else None
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups,
            lr=config.lr,
            momentum=config.momentum,
            nesterov=config.nesterov,
            fused=fused,
        )
    betas = (config.betas[0], config.betas[1])
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.lr, betas=betas, fused=fused)
    return torch.optim.Adam(groups, lr=config.lr, betas=betas, fused=fused)


def parameter_groups(model: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """The trained parameters that decay and those that do not, each group in the model's order.

    A frozen parameter is in neither group, or weight decay would move it. A group without
    parameters is left out. A parameter that two modules share is in one group, by the first of
    them.
    """
    decayed: dict[nn.Parameter, bool] = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                decayed.setdefault(parameter, _decays(module, name, config))
    groups = [
        {"params": [parameter for parameter, decays in decayed.items() if decays is which]}
        | {"weight_decay": config.weight_decay if which else 0.0}
        for which in (True, False)
    ]
    return [group for group in groups if group["params"]]


def _decays(module: nn.Module, name: str, config: TrainConfig) -> bool:
    """Whether the parameter `name` of `module` decays.

    torch, open_clip and timm have Norm in the name of each norm layer's class, and timm's RmsNorm
    shares no base class with torch's.
    """
    if "norm" in type(module).__name__.lower():
        return config.decay_norms
    return config.decay_biases or not name.endswith("bias")
