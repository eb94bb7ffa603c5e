"""Visual towers of timm: their own pixels, sizes and weights' seed."""

import pytest
import timm
import torch

from tests.towers import RESNET, VIT, pixels, tower


def test_the_tower_is_timms_model_without_its_classifier():
    backbone = tower(RESNET)
    theirs = timm.create_model("test_resnet.r160_in1k").eval()
    for name, value in theirs.state_dict().items():
        assert name.startswith("fc.") or backbone.visual.state_dict()[name].shape == value.shape
    assert all(name.startswith("visual.") for name in backbone.state_dict())
    theirs.load_state_dict(backbone.visual.state_dict(), strict=False)
    frames = pixels(backbone, 2)
    images = (frames.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    with torch.no_grad():
        expected = theirs.forward_head(theirs.forward_features(images), pre_logits=True)
        torch.testing.assert_close(backbone(frames), expected)


@pytest.mark.parametrize(
    ("name", "mean"),
    [(RESNET, 0.5), ("timm/resnet10t.c3_in1k", 0.485), ("builtin-clip", 0.48145466)],
)
def test_pixels_are_normalised_as_the_model_was_trained_or_not_at_all(name, mean):
    backbone, plain = tower(name), tower(name, normalize=False)
    assert backbone.mean[0] == torch.tensor(mean)
    assert plain.mean.tolist() == [0, 0, 0]
    assert plain.std.tolist() == [1, 1, 1]
    frames = pixels(backbone, 1)
    images = frames.permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        torch.testing.assert_close(plain(frames), plain.visual(images))
        assert not torch.allclose(backbone(frames), plain(frames))


@pytest.mark.parametrize("name", [RESNET, VIT])
def test_another_size_is_taken_where_the_model_takes_it(name):
    backbone = tower(name, image_size=96)
    assert backbone.image_size == 96
    assert backbone(pixels(backbone, 2, 3)).shape == (2, 3, backbone.channels)


def test_random_weights_follow_the_seed_and_leave_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (tower(VIT, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    weights = [each.visual.blocks[0].attn.qkv.weight for each in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("policy", ["running", "batch", "running-then-batch"])
def test_statistics_move_as_the_policy_says(policy):
    """Before the first validation, and after."""
    backbone = tower(RESNET, batch_norm=policy, image_size=64)

    def moves() -> bool:
        before = backbone.visual.bn1.running_mean.clone()
        backbone.train()(pixels(backbone, 2))
        return not torch.equal(backbone.visual.bn1.running_mean, before)

    first = moves()
    backbone.validated = True
    assert (first, moves()) == {
        "running": (False, False),
        "batch": (True, True),
        "running-then-batch": (False, True),
    }[policy]


@pytest.mark.parametrize(
    "architecture", ["test_byobnet", "test_convnext", "test_maxvit", "test_nfnet", "test_vit3"]
)
def test_every_kind_of_model_gives_its_channels(architecture):
    (name,) = timm.models.get_arch_pretrained_cfgs(architecture)
    backbone = tower(f"timm/{name}")
    with torch.no_grad():
        assert backbone(pixels(backbone, 2)).shape == (2, backbone.channels)
