"""Picks the device of a model, and moves the model to it."""

from typing import Literal, TypeVar

import torch
from torch import nn

from spm.base.errors import ConfigError

Module = TypeVar("Module", bound=nn.Module)


def pick_device(name: Literal["auto", "cpu", "cuda"], *, number: int = 0) -> torch.device:
    """The device called `name`; `auto` is a GPU if torch sees one. `number`: index of the GPU.

    Raises ConfigError for a GPU that torch does not see.
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
    """Moves `module` to `device`; on a GPU to channels-last layout, as tensor cores need it."""
    module = module.to(device)
    if device.type == "cuda":
        set_channels_last(module)
    return module


def set_channels_last(module: nn.Module) -> None:
    """Stores the weights of images' convolutions with the channels last.

    `module.to(memory_format=…)` takes tensors of five dimensions too, and refuses them: MoLo and
    TA2N convolve over time.
    """
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
