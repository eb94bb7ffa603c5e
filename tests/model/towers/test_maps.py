"""Feature maps: their shapes, and that pooling them as the tower does gives its features."""

import pytest
import torch

from spm.base.errors import ConfigError
from spm.model.backbone import Backbone
from tests import tiny_clip
from tests.towers import RESNET, TINY_RESNET, VIT, pixels, tower

TINY_TIMM = {
    "embed_dim": 24,
    "vision_cfg": {
        "timm_model_name": "test_resnet",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
        "image_size": 64,
    },
    "text_cfg": tiny_clip.CONFIG["text_cfg"],
}


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch, tmp_path):
    models = {"tiny-vit": tiny_clip.CONFIG, "tiny-rn": TINY_RESNET, "tiny-timm": TINY_TIMM}
    tiny_clip.register(monkeypatch, tmp_path, models)


def _both(backbone: Backbone, *leading: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features [..., C] and maps [..., C, H, W] of the same frames."""
    frames = pixels(backbone, *leading)
    with torch.no_grad():
        return backbone(frames), backbone.maps(frames)


@pytest.mark.parametrize(
    ("name", "size", "channels", "side"),
    [
        ("builtin-clip", None, 128, 4),
        ("tiny-vit", None, 64, 2),
        ("tiny-rn", None, 512, 2),
        ("tiny-timm", None, 96, 2),
        (RESNET, 64, 96, 2),
        (VIT, 64, 64, 4),
        ("timm/test_vit2.r160_in1k", 64, 64, 4),
        ("timm/test_vit_relpos.untrained", None, 96, 10),
        ("timm/test_convnext.r160_in1k", 64, 64, 2),
        ("timm/test_mambaout", 64, 64, 2),
        ("timm/swin_tiny_patch4_window7_224.ms_in1k", None, 768, 7),
        ("timm/test_efficientnet.r160_in1k", 64, 256, 2),
    ],
)
def test_maps_are_channels_first_for_every_tower(name, size, channels, side):
    backbone = tower(name, image_size=size)
    features, maps = _both(backbone, 2, 1)
    assert features.shape == (2, 1, backbone.channels)
    assert maps.shape == (2, 1, channels, side, side)
    assert (backbone.map_channels, backbone.map_size) == (channels, side)
    assert maps.is_floating_point()


def test_the_linear_layer_of_builtin_clip_makes_its_features_of_its_maps():
    backbone = tower("builtin-clip")
    features, maps = _both(backbone, 3)
    linear = backbone.visual.trunk.head
    torch.testing.assert_close(linear(maps.flatten(1)), features, rtol=0, atol=0)


def test_the_attention_of_clips_resnet_makes_its_features_of_its_maps():
    backbone = tower("tiny-rn")
    features, maps = _both(backbone, 3)
    torch.testing.assert_close(backbone.visual.attnpool(maps), features, rtol=0, atol=0)


def test_the_maps_of_clips_vit_are_what_its_last_block_makes_of_patches():
    backbone = tower("tiny-vit")
    seen = []
    last = backbone.visual.transformer.resblocks[-1]
    last.register_forward_hook(lambda module, args, out: seen.append(out))
    _, maps = _both(backbone, 3)
    tokens = maps.flatten(2).transpose(1, 2)
    torch.testing.assert_close(tokens, seen[-1][:, 1:], rtol=0, atol=0)
    with torch.no_grad():
        whole = torch.cat([seen[-1][:, :1], tokens], dim=1)
        pooled = backbone.visual._pool(whole)[0] @ backbone.visual.proj
    torch.testing.assert_close(pooled, backbone(pixels(backbone, 3)))


@pytest.mark.parametrize(
    "name", [RESNET, "timm/test_efficientnet.r160_in1k", "timm/resnet10t.c3_in1k"]
)
def test_the_mean_over_the_maps_of_timms_resnets_is_their_feature(name):
    features, maps = _both(tower(name), 2)
    torch.testing.assert_close(maps.mean((-2, -1)), features)


def test_timms_vit_pools_the_tokens_that_its_maps_hold():
    """`test_vit` takes the token of its class alone; its neighbour averages patches."""
    backbone = tower("timm/vit_relpos_small_patch16_224.sw_in1k")
    features, maps = _both(backbone, 1)
    pooled = backbone.visual.fc_norm(maps.mean((-2, -1)))
    torch.testing.assert_close(pooled, features)


def test_maps_are_computed_in_the_towers_precision_and_returned_in_the_weights():
    exact, low = (tower(RESNET, precision=name) for name in ("float32", "bfloat16"))
    (_, expected), (_, maps) = _both(exact, 2), _both(low, 2)
    assert maps.dtype == torch.float32
    assert 1e-4 < (maps - expected).norm() / expected.norm() < 0.1


def test_maps_refuse_frames_of_another_size():
    with pytest.raises(ValueError, match=r"expected uint8 pixels \[\.\.\., 56, 56, 3\]"):
        tower("builtin-clip").maps(torch.zeros(1, 32, 32, 3, dtype=torch.uint8))


def test_a_tower_without_maps_says_so():
    backbone = tower("timm/crossvit_9_240.in1k")
    with pytest.raises(ConfigError, match=r"CrossVit of timm gives no feature maps"):
        backbone.maps(pixels(backbone, 1))


def test_asking_for_the_size_of_maps_leaves_statistics_and_mode_alone():
    backbone = tower(RESNET, batch_norm="batch").train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    assert backbone.map_size == 5
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert backbone.training
    assert backbone.visual.bn1.training
