"""Less memory for the visual tower: activations computed twice instead of kept.

Each block keeps its input alone, and runs again when the backward pass gets there: the same
operations on the same numbers, so gradients are the same, bit for bit. What a second run must not
do twice is to move BatchNorm's running statistics: it moves copies of them.
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
"""What open_clip's and timm's towers call a container of blocks that run one after another."""


def checkpoint_activations(visual: nn.Module) -> None:
    """Switches it on for a tower of blocks. Raises ConfigError for one without known blocks."""
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
    """What is computed twice, each a block or a stage; none in a tower that is not known."""
    found: list[nn.Module] = []
    for name, child in visual.named_children():
        is_stack = name in _STACKS and isinstance(child, _CONTAINERS)
        found += _within(child) if is_stack else blocks(child)
    return found


def _within(stack: nn.Module) -> list[nn.Module]:
    """The modules of a container, and of containers in it: those are never called themselves."""
    return [
        block
        for child in stack.children()
        for block in (_within(child) if isinstance(child, _CONTAINERS) else [child])
    ]


def _contexts(
    norms: list[_BatchNorm],
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What surrounds the first run, and what the second."""
    return nullcontext(), _on_copies(norms)


@contextmanager
def _on_copies(norms: list[_BatchNorm]) -> Iterator[None]:
    """Their statistics are as they were, whatever a forward pass does within."""
    kept = [dict(norm._buffers) for norm in norms]
    for norm in norms:
        for name, value in norm._buffers.items():
            norm._buffers[name] = None if value is None else value.clone()
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            norm._buffers.update(buffers)
