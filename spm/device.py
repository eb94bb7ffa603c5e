"""Where the model runs."""

from typing import Literal

import torch

from spm.errors import ConfigError


def pick_device(name: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """`auto` is cuda where there is one. Raises ConfigError for a cuda that is not there."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError(
            "runtime.device = cuda, but torch sees no GPU: set it to auto or cpu, or install a "
            "CUDA build of torch (README)"
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")
