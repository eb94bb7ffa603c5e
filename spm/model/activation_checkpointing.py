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


def checkpoint_activations(visual: nn.Module) -> None:
    """Switches it on for an open_clip tower. Raises ConfigError for one without known blocks."""
    found = blocks(visual)
    if not found:
        raise ConfigError(
            f"runtime.activation_checkpointing knows the blocks of CLIP's ViTs and ResNets; "
            f"{type(visual).__name__} has none: set it to false"
        )
    for block in found:
        twice = partial(checkpoint, block.forward, use_reentrant=False)
        contexts = partial(_contexts, [m for m in block.modules() if isinstance(m, _BatchNorm)])
        block.forward = partial(twice, context_fn=contexts)


def blocks(visual: nn.Module) -> list[nn.Module]:
    """What is computed twice; none in a tower that is not known."""
    from open_clip.modified_resnet import Bottleneck
    from open_clip.transformer import ResidualAttentionBlock

    kinds = (Bottleneck, ResidualAttentionBlock)
    return [module for module in visual.modules() if isinstance(module, kinds)]


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
