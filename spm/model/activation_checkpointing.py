"""Activation checkpointing: the visual tower recomputes activations instead of storing them.

Each block stores only its input, and runs again in the backward pass. Gradients are the same bit
for bit, since the second run repeats the same operations on the same numbers. Only BatchNorm's
running statistics must not be updated twice: the second run updates copies of them.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from spm.base.errors import ConfigError

_CONTAINERS = (nn.Sequential, nn.ModuleList)
_STACKS = ("blocks", "layer1", "layer2", "layer3", "layer4", "layers", "resblocks", "stages")
"""Attributes of open_clip's and timm's towers that hold blocks which run one after another."""


def checkpoint_activations(visual: nn.Module) -> None:
    """Makes each block of the tower recompute. Raises ConfigError for a tower of unknown layout."""
    found = blocks(visual)
    if not found:
        raise ConfigError(
            "runtime.activation_checkpointing knows the blocks of ViTs, of ResNets and of other "
            f"towers in stages; {type(visual).__name__} has none: set it to false"
        )
    for block in found:
        twice = partial(checkpoint, block.forward, use_reentrant=False)
        contexts = partial(_contexts, [m for m in block.modules() if isinstance(m, _BatchNorm)])
        block.forward = partial(twice, context_fn=contexts)


def blocks(visual: nn.Module) -> list[nn.Module]:
    """The modules to recompute, blocks or stages; an empty list for a tower of unknown layout."""
    found: list[nn.Module] = []
    for name, child in visual.named_children():
        is_stack = name in _STACKS and isinstance(child, _CONTAINERS)
        found += _within(child) if is_stack else blocks(child)
    return found


def _within(stack: nn.Module) -> list[nn.Module]:
    """The blocks in a container. Containers in it are opened, since no one calls their forward."""
    return [
        block
        for child in stack.children()
        for block in (_within(child) if isinstance(child, _CONTAINERS) else [child])
    ]


def _contexts(
    norms: list[_BatchNorm],
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """The contexts of a block's first and second run, as torch's `context_fn` returns them."""
    return nullcontext(), _on_copies(norms)


@contextmanager
def _on_copies(norms: list[_BatchNorm]) -> Iterator[None]:
    """Forward passes inside the block update copies of the BatchNorm statistics."""
    kept = [dict(norm._buffers) for norm in norms]
    for norm in norms:
        for name, value in norm._buffers.items():
            norm._buffers[name] = None if value is None else value.clone()
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            norm._buffers.update(buffers)
