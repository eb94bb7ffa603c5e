"""A visual tower as a row of blocks, which can be cut before any of them.

    images ─ stem ─ block 1 … block n-k ─┊─ block n-k+1 … block n ─ pool ─ features
    └─────────── front: frozen ──────────┊─────── tail: the last k, trained ────────┘

Shapes: `B` frames, `C` channels, `H`, `W` positions of a map.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

Part = Callable[[nn.Module, Tensor], Tensor]
"""(the tower, the part's input) -> the part's output, both with the frames first: [B, …]."""


@dataclass(frozen=True)
class Blocks:
    """The layout of a tower of one kind; in evaluation mode its parts give the tower's own bits."""

    stem: Part
    """Images [B, 3, side, side], normalised -> the input of the first block."""
    names: tuple[str, ...]
    """The blocks in order, by their names in the tower. A block takes what the one before gives."""
    pool: Part
    """The output of the last block -> features [B, C]."""
    maps: Part
    """The output of the last block -> maps [B, C', H, W]."""
    after: tuple[str, ...]
    """Modules and parameters that follow the blocks, by name; some towers lack some of them."""

    def front(self, visual: nn.Module, images: Tensor, *, last: int) -> Tensor:
        """Images [B, 3, side, side] -> the input of the first of the `last` blocks, [B, …]."""
        return _through(visual, self.names[:-last], self.stem(visual, images))

    def tail(self, visual: nn.Module, between: Tensor, *, last: int, maps: bool) -> Tensor:
        """The output of `front` -> features [B, C], or maps [B, C', H, W]."""
        made = _through(visual, self.names[-last:], between)
        return self.maps(visual, made) if maps else self.pool(visual, made)

    def in_tail(self, name: str, *, last: int) -> bool:
        """Whether the module, parameter or buffer `name` of the tower belongs to `tail`."""
        parts = (*self.names[-last:], *self.after)
        return any(name == part or name.startswith(f"{part}.") for part in parts)


def _through(visual: nn.Module, names: tuple[str, ...], values: Tensor) -> Tensor:
    for name in names:
        values = visual.get_submodule(name)(values)
    return values
