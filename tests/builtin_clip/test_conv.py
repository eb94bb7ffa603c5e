"""The small CLIP's visual tower, as open_clip builds it and as timm's models are used."""

import json

import pytest
import torch
from torch.nn import functional as F

from spm.builtin_clip.model import conv
from spm.builtin_clip.model.files import DESCRIPTION, NAME
from spm.builtin_clip.model.registered import open_clip
from tests.towers import tower

ABOUT = json.loads(DESCRIPTION.read_text(encoding="utf-8"))


def images(count: int = 2, side: int = conv.IMAGE_SIZE) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_the_description_and_the_tower_say_the_same():
    assert ABOUT["vision_cfg"]["image_size"] == conv.IMAGE_SIZE
    assert ABOUT["vision_cfg"]["timm_model_name"] == conv.builtin_clip_conv.__name__
    trunk = open_clip.create_model(NAME).visual.trunk
    assert trunk.default_cfg["input_size"] == (3, conv.IMAGE_SIZE, conv.IMAGE_SIZE)
    assert trunk.num_features == 128 * 4 * 4
    assert trunk.head.out_features == ABOUT["embed_dim"]


def test_it_is_four_layers_of_stride_two_and_a_linear_layer():
    visual = tower(NAME).visual
    state, made = visual.state_dict(), images()
    for number in range(4):
        layer = f"trunk.stages.{number}"
        made = F.conv2d(made, state[f"{layer}.conv.weight"], stride=2, padding=1)
        norm = [state[f"{layer}.norm.{key}"] for key in ("running_mean", "running_var")]
        made = F.relu(F.batch_norm(made, *norm, eps=1e-5))
    expected = made.flatten(1) @ state["trunk.head.weight"].T + state["trunk.head.bias"]
    with torch.no_grad():
        torch.testing.assert_close(visual(images()), expected)


@pytest.mark.parametrize(("pool", "features"), [("", 2048), ("avg", 128)])
def test_another_projection_or_none(pool, features):
    trunk = conv.builtin_clip_conv(num_classes=5, global_pool=pool).eval()
    assert trunk(images()).shape == (2, 5)
    trunk.reset_classifier(0)
    assert trunk.num_features == features
    assert trunk(images()).shape == (2, features)
    trunk.reset_classifier(3, global_pool="avg")
    expected = trunk.head(trunk.forward_features(images()).mean((-2, -1)))
    torch.testing.assert_close(trunk(images()), expected)
    assert trunk(images(side=32)).shape == (2, 3)
