"""A visual tower as a row of steps, between which its positions can be watched.

    images ─ step 1 ─┊─ step 2 ─┊─ … ─┊─ step n ─ features
                     ┊ positions: [B, C, H, W]

Shapes: `B` frames, `C` channels, `H`, `W` positions of a map, `L` tokens.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from einops import rearrange
from open_clip.timm_model import TimmModel
from torch import Tensor, nn

from spm.model.towers import clip_blocks, timm_blocks
from spm.model.towers.timm_maps import maps_of

Step = Callable[[Tensor], Tensor]

SMALLEST = 7
"""H = W of the coarsest map that still says where."""


def steps_of(visual: nn.Module, *, maps: bool) -> list[Step]:
    """The steps from images [B, 3, side, side] to features [B, C], or to maps [B, C', H, W].

    Stem, blocks and pooling where the blocks of the tower are known; else, for other models of
    timm, all that precedes pooling as one step.
    """
    blocks = clip_blocks.blocks_of(visual) or timm_blocks.blocks_of(visual)
    if blocks is None:
        return _of_timm(visual, maps=maps)
    middle = [visual.get_submodule(name) for name in blocks.names]
    return [
        partial(blocks.stem, visual),
        *middle,
        partial(blocks.maps if maps else blocks.pool, visual),
    ]


def _of_timm(visual: Any, *, maps: bool) -> list[Step]:
    trunk = visual.trunk if isinstance(visual, TimmModel) else visual
    channels_last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"
    before: list[Step] = [trunk.forward_features]
    pool: Step = trunk.forward_head
    if channels_last:
        before.append(lambda values: rearrange(values, "b h w c -> b c h w"))

        def pool(values: Tensor) -> Tensor:
            pooled: Tensor = trunk.forward_head(rearrange(values, "b c h w -> b h w c"))
            return pooled

    if maps:
        return [*before, (lambda values: values) if channels_last else partial(maps_of, trunk)]
    return [*before, pool, *([visual.head] if trunk is not visual else [])]


def run(steps: Sequence[Step], values: Tensor, *, watch: nn.Module, after: int) -> Tensor:
    """The result of all steps. `watch` sees the positions [B, C, H, W] after the first `after`."""
    for step in steps[:after]:
        values = step(values)
    values = _watched(values, watch)
    for step in steps[after:]:
        values = step(values)
    return values


def last_place(steps: Sequence[Step], image: Tensor) -> int | None:
    """After how many steps to watch: the last place whose positions still reach the features, of
    7 × 7 or more; else the finest. None: no place is known.

    Of a ViT with a class token these are the positions before the last block: after it, the patch
    tokens reach nothing. image [1, 3, side, side] is any.
    """
    sides: dict[int, int] = {}
    for after in reversed(range(1, len(steps))):
        sides[after] = _side_of_reaching(steps, image, after=after)
        if sides[after] >= SMALLEST:
            return after
    finest = max(sides, key=sides.__getitem__)
    return finest if sides[finest] > 1 else None


def _side_of_reaching(steps: Sequence[Step], image: Tensor, *, after: int) -> int:
    """H of the positions there; 0 if there are none, or if the features do not depend on them."""
    seen = _Seen()
    with torch.enable_grad():
        features = run(steps, image, watch=seen, after=after)
        if seen.positions is None:
            return 0
        # A sum of all alike would vanish after a LayerNorm; one channel alone may be a dead ReLU.
        weights = torch.linspace(1, 2, features.numel()).to(features).reshape(features.shape)
        (slope,) = torch.autograd.grad(
            (weights * features).sum(), seen.positions, allow_unused=True
        )
    return seen.positions.shape[-2] if slope is not None and slope.any() else 0


class _Seen(nn.Module):
    """Keeps the positions that pass."""

    positions: Tensor | None = None

    def forward(self, positions: Tensor) -> Tensor:
        self.positions = positions if positions.requires_grad else positions.requires_grad_()
        return self.positions


def _watched(values: Any, watch: nn.Module) -> Any:
    """The values after `watch` saw their positions. Values without positions pass unseen, as the
    several tensors of some models of timm."""
    if not isinstance(values, Tensor):
        return values
    if values.ndim == 4:
        seen: Tensor = watch(values)
        return seen
    patches = patches_of(values) if values.ndim == 3 else None
    if patches is None:
        return values
    prefix = values[:, : values.shape[1] - patches[0, 0].numel()]
    return torch.cat([prefix, rearrange(watch(patches), "b c h w -> b (h w) c")], dim=1)


def patches_of(tokens: Tensor) -> Tensor | None:
    """[B, prefix + H·W, C] -> [B, C, H, W], H = W; the prefix is the class token and registers.
    None for fewer than four patches."""
    side = math.isqrt(tokens.shape[1])
    if side < 2:
        return None
    return rearrange(tokens[:, tokens.shape[1] - side**2 :], "b (h w) c -> b c h w", h=side)
