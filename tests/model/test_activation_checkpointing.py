"""Activations computed twice: the same gradients and statistics, bit for bit, from less memory."""

import pytest
import torch

from spm.base.errors import ConfigError
from spm.model.activation_checkpointing import checkpoint_activations
from spm.model.backbone import Backbone
from tests import tiny_clip
from tests.towers import TINY_RESNET, VIT, pixels, tower

RESNET18 = "timm/resnet18.tv_in1k"
SIDES = {RESNET18: 64}


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch, tmp_path):
    models = {"tiny-vit": tiny_clip.CONFIG, "tiny-rn": TINY_RESNET}
    tiny_clip.register(monkeypatch, tmp_path, models)


def _after_two_passes(backbone: Backbone) -> tuple[dict[str, torch.Tensor], int]:
    """Gradients and buffers; bytes that the second forward pass kept."""
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    for seed in (0, 1):
        frames = pixels(backbone, 2, 3, seed=seed)
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            features = backbone(frames)
        features.square().sum().backward()
    left = {key: value.grad for key, value in backbone.named_parameters()}
    return left | dict(backbone.named_buffers()), sum(kept.values())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "batch_norm"),
    [
        ("builtin-clip", "batch"),
        ("tiny-vit", "running"),
        ("tiny-rn", "running"),
        ("tiny-rn", "batch"),
        (VIT, "running"),
        (RESNET18, "batch"),
        ("timm/test_convnext.r160_in1k", "running"),
        ("timm/test_efficientnet.r160_in1k", "batch"),
    ],
)
def test_gradients_and_statistics_are_the_same_bits(name, batch_norm, precision):
    kind = {"batch_norm": batch_norm, "precision": precision}
    plain, checkpointed = (
        tower(name, image_size=SIDES.get(name), **kind).train() for _ in range(2)
    )
    checkpoint_activations(checkpointed.visual)
    assert list(checkpointed.state_dict()) == list(plain.state_dict())
    expected, plain_bytes = _after_two_passes(plain)
    values, bytes_kept = _after_two_passes(checkpointed)
    for key, value in expected.items():
        assert torch.equal(values[key], value), key
    assert bytes_kept < 0.75 * plain_bytes


def test_a_tower_without_known_blocks_is_refused():
    with pytest.raises(ConfigError, match=r"of other towers in stages; VGG has none"):
        checkpoint_activations(tower("timm/vgg11.tv_in1k", image_size=32).visual)
