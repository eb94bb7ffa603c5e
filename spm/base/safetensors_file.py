"""Writes safetensors files that others can read, as far as the umask allows."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing this module must not import torch
    from torch import Tensor


def write_safetensors(
    tensors: "Mapping[str, Tensor]", path: Path, *, metadata: dict[str, str] | None = None
) -> None:
    """Writes `tensors` to `path`, with the mode of any new file: safetensors itself gives 0600,
    which no other user, server or container can read.

    Two metadata keys or more are written in random order: then the bytes differ from run to run.
    """
    from safetensors.torch import save_file

    path.touch()
    mode = path.stat().st_mode
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata)
    path.chmod(mode)
