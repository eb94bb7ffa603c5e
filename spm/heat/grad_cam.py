"""Grad-CAM (the paper's Fig. 7): where a tower looked, for the logit of a class.

    heat = ReLU( Σ_c α_c A_c ),  α_c = mean over positions of ∂ logit / ∂ A_c      (of each frame)

A are the activations at the last positions of the tower that still reach the logit
(spm.heat.steps). The gradient passes through the method's head, so the map is the method's as much
as the tower's. captum computes both.

Shapes: `T` frames, `N` classes, `C` channels, `H`, `W` positions of a map.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam, LayerGradientXActivation
from numpy.typing import NDArray
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.heat.steps import Step, last_place, patches_of, run, steps_of
from spm.model.model import FewShotModel

Ask = Callable[[Tensor], Tensor]
"""Features of one clip [T, *feature_shape] -> its logits [1, N], with gradient."""


def heat_map(model: FewShotModel, pixels: Tensor, ask: Ask, *, label: int) -> NDArray[np.float32]:
    """Where the clip's frames raise the logit `label` of `ask`: [T, side, side], from 0 to 1.

    pixels [T, side, side, 3] uint8; `model` is in evaluation mode. 1 is the hottest place of all
    frames, so frames are comparable. Where Grad-CAM finds no place, and for a tower whose parts are
    not known, gradient × activation tells; all zeros where that finds none either. The tower
    computes in the weights' precision. Raises ConfigError for a tower without known positions.
    """
    with torch.no_grad():
        images = model.backbone.normalized(pixels.to(model.backbone.mean.device))
    visual = model.backbone.visual
    steps = steps_of(visual, maps=model.takes_maps)
    after = last_place(steps, images[:1])
    if after is None:
        raised = _at_last_block(_Whole(visual, ask), images, label=label)
    else:
        raised = _at_positions(_Watched(steps, ask, after=after), images, label=label)
    if raised is None:
        raise ConfigError(
            f"no heat map of {model.config.backbone.name}: it is not known which of its "
            "activations have places"
        )
    size = (model.image_size, model.image_size)
    fine = LayerAttribution.interpolate(raised.detach(), size, interpolate_mode="bilinear")[:, 0]
    hottest = fine.max()
    heat: NDArray[np.float32] = (fine / hottest if hottest > 0 else fine).float().cpu().numpy()
    return heat


class _Watched(nn.Module):
    """Images [T, 3, side, side], normalised -> logits [1, N]; `positions` sees the activations."""

    def __init__(self, steps: Sequence[Step], ask: Ask, *, after: int) -> None:
        super().__init__()
        self.positions = nn.Identity()
        self._steps, self._ask, self._after = steps, ask, after

    def forward(self, images: Tensor) -> Tensor:
        return self._ask(run(self._steps, images, watch=self.positions, after=self._after))


def _at_positions(watched: _Watched, images: Tensor, *, label: int) -> Tensor:
    """[T, 1, H, W], nowhere negative."""
    raised: Tensor = LayerGradCam(watched, watched.positions).attribute(images, target=label).relu()
    if raised.any():
        return raised
    each: Tensor = LayerGradientXActivation(watched, watched.positions).attribute(
        images, target=label
    )
    return each.sum(dim=1, keepdim=True).relu()


class _Whole(nn.Module):
    """Images [T, 3, side, side], normalised -> logits [1, N]. The tower's steps are not known."""

    def __init__(self, visual: Any, ask: Ask) -> None:
        super().__init__()
        trunk = getattr(visual, "trunk", visual)
        self.last_block: nn.Module | None = next(iter(getattr(trunk, "blocks", [])[-1:]), None)
        self._visual, self._ask = visual, ask

    def forward(self, images: Tensor) -> Tensor:
        return self._ask(self._visual(images))


def _at_last_block(whole: _Whole, images: Tensor, *, label: int) -> Tensor | None:
    """[T, 1, H, W], nowhere negative, of the patch tokens that enter the last block; None for a
    tower that has no such tokens."""
    if whole.last_block is None:
        return None
    each = LayerGradientXActivation(whole, whole.last_block).attribute(
        images, target=label, attribute_to_layer_input=True
    )
    tokens = each[0] if isinstance(each, tuple) else each
    patches = patches_of(tokens.sum(dim=-1, keepdim=True)) if tokens.ndim == 3 else None
    return None if patches is None else patches.relu()
