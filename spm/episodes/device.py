"""Where the model runs, and how it lies there."""

from typing import Literal, TypeVar

import torch
from torch import nn

from spm.base.errors import ConfigError

Module = TypeVar("Module", bound=nn.Module)


def pick_device(name: Literal["auto", "cpu", "cuda"], *, number: int = 0) -> torch.device:
    """`auto` is cuda where there is one; `number` is the GPU's, of those that torch sees.

    Raises ConfigError for a GPU that is not there.
    """
    gpus = torch.cuda.device_count()
    if name == "cuda" and not gpus:
        raise ConfigError(
            "runtime.device = cuda, but torch sees no GPU: set it to auto or cpu, or install a "
            "CUDA build of torch (README)"
        )
    if name == "cpu" or not gpus:
        return torch.device("cpu")
    if number >= gpus:
        raise ConfigError(
            f"runtime.devices asks for {number + 1} GPUs on this machine, and torch sees {gpus}: "
            f"set it to {gpus} or less, or runtime.device to cpu"
        )
    return torch.device("cuda", number)


def place(module: Module, device: torch.device) -> Module:
    """Moves `module` there. A GPU's tensor cores read convolutions with the channels last."""
    module = module.to(device)
    return module.to(memory_format=torch.channels_last) if device.type == "cuda" else module
