"""A tower as steps computes what it did, and is watched where its positions reach the features."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from spm.heat.steps import last_place, patches_of, run, steps_of
from spm.model.backbone import Backbone
from tests import tiny_clip
from tests.towers import TINY_RESNET, pixels, tower

VISION = tiny_clip.CONFIG["vision_cfg"] | {"patch_size": 4}
MODELS = {
    "tiny-vit": tiny_clip.CONFIG | {"vision_cfg": VISION},
    "tiny-mean": tiny_clip.CONFIG
    | {"vision_cfg": VISION | {"pool_type": "avg", "final_ln_after_pool": True}},
    "tiny-rn": TINY_RESNET,
}
PLACES = {
    "builtin-clip": (3, 7),  # its last map is 4 × 4
    "tiny-vit": (2, 8),  # a class token: before the last of two blocks
    "tiny-mean": (3, 8),  # all patches are pooled: after it
    "tiny-rn": (3, 8),  # the stages after it have 4 × 4 and 2 × 2
    "timm/vit_tiny_patch16_224.augreg_in21k": (12, 14),
    "timm/vit_small_patch14_reg4_dinov2.lvd142m": (12, 37),  # registers beside the class token
    "timm/resnet10t.c3_in1k": (4, 11),
    "timm/swin_tiny_patch4_window7_224.ms_in1k": (2, 7),  # steps not known, channels last
    "timm/convnext_atto.d2_in1k": (1, 7),
}
"""Tower -> the number of steps before its last place, and H there."""
NO_PLACE = ["timm/deit_tiny_distilled_patch16_224.fb_in1k", "timm/crossvit_tiny_240.in1k"]
SLOW = {name for name in PLACES if "dinov2" in name or "swin" in name}
TOWERS = [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in PLACES]


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tiny_clip.register(monkeypatch, tmp_path, MODELS)


class Seen(nn.Module):
    """Notes the positions' shape, and changes nothing, or makes them zeros."""

    shape: tuple[int, ...] = ()

    def __init__(self, *, keep: float = 1.0) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, positions: Tensor) -> Tensor:
        self.shape = tuple(positions.shape)
        return self.keep * positions


def images(built: Backbone, *, count: int = 2) -> Tensor:
    return built.normalized(pixels(built, count))


@pytest.mark.parametrize("name", TOWERS)
def test_the_last_place_is_where_positions_still_reach_the_features(name: str) -> None:
    built = tower(name)
    steps, frames = steps_of(built.visual, maps=False), images(built)
    after, side = PLACES[name]
    assert last_place(steps, frames[:1]) == after
    with torch.no_grad():
        seen, gone = Seen(), Seen(keep=0.0)
        expected = built.visual(frames)
        assert torch.equal(run(steps, frames, watch=seen, after=after), expected)
        assert seen.shape[0] == 2
        assert seen.shape[-2:] == (side, side)
        assert not torch.allclose(run(steps, frames, watch=gone, after=after), expected)


@pytest.mark.parametrize(
    ("name", "side"), [("builtin-clip", 7), ("tiny-vit", 8), ("timm/convnext_atto.d2_in1k", 7)]
)
def test_the_steps_of_maps_end_with_the_maps(name: str, side: int) -> None:
    built = tower(name)
    steps, frames = steps_of(built.visual, maps=True), images(built)
    after = last_place(steps, frames[:1])
    assert after is not None
    with torch.no_grad():
        seen = Seen()
        found = run(steps, frames, watch=seen, after=after)
        assert torch.equal(found, built.maps(pixels(built, 2)))
        assert seen.shape[-2:] == (side, side)


@pytest.mark.parametrize("seed", range(4))
def test_the_place_is_that_of_the_tower_whatever_the_frame_shows(seed: int) -> None:
    """A channel that is 0 on a frame says nothing of the others."""
    built = tower("builtin-clip")
    frames = built.normalized(pixels(built, 1, seed=seed))
    assert last_place(steps_of(built.visual, maps=True), frames) == 3


def test_patch_tokens_after_the_last_block_reach_nothing() -> None:
    built = tower("tiny-vit")
    steps, frames = steps_of(built.visual, maps=False), images(built)
    with torch.no_grad():
        gone = run(steps, frames, watch=Seen(keep=0.0), after=len(steps) - 1)
        assert torch.equal(gone, built.visual(frames))


@pytest.mark.parametrize("name", NO_PLACE)
def test_a_tower_of_unknown_steps_and_tokens_that_go_on_alone_has_no_place(name: str) -> None:
    built = tower(name)
    assert last_place(steps_of(built.visual, maps=False), images(built, count=1)) is None


def test_patches_are_the_last_square_of_the_tokens() -> None:
    tokens = torch.arange(2 * 11 * 3).reshape(2, 11, 3).float()  # two before nine patches
    found = patches_of(tokens)
    assert found is not None
    assert found.shape == (2, 3, 3, 3)
    assert torch.equal(found[:, :, 0, 0], tokens[:, 2])
    assert torch.equal(found[:, :, 0, 1], tokens[:, 3])
    assert torch.equal(found[:, :, 1, 0], tokens[:, 5])
    assert patches_of(tokens[:, :3]) is None
