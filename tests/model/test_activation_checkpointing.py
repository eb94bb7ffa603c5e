"""Activations computed twice: the same gradients and statistics, bit for bit, from less memory."""

import pytest
import torch

from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.backbone import BackboneConfig
from spm.model.activation_checkpointing import checkpoint_activations
from spm.model.backbone import Backbone, build_backbone
from stages.shared import params
from tests import tiny_clip

RESNET = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 64, "layers": [2, 1, 1, 1], "width": 16, "patch_size": None},
    "text_cfg": tiny_clip.CONFIG["text_cfg"],
}
SIDES = {"tiny-vit": 32, "tiny-rn": 64}


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch, tmp_path):
    models = {"tiny-vit": tiny_clip.CONFIG, "tiny-rn": RESNET}
    tiny_clip.register(monkeypatch, tmp_path, models)


def _backbone(name: str, **changes) -> Backbone:
    model = {"name": name, "weights": None, "image_size": None, "embed_dim": None}
    return build_backbone(
        BackboneConfig(**read_yaml(params.PARAMS)["backbone"] | model | changes)
    ).train()


def _after_two_passes(backbone: Backbone, name: str) -> tuple[dict[str, torch.Tensor], int]:
    """Gradients and buffers; bytes that the second forward pass kept."""
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    for seed in (0, 1):
        rng = torch.Generator().manual_seed(seed)
        shape = (2, 3, SIDES[name], SIDES[name], 3)
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            features = backbone(pixels)
        features.square().sum().backward()
    left = {key: value.grad for key, value in backbone.named_parameters()}
    return left | dict(backbone.named_buffers()), sum(kept.values())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "batch_norm"), [("tiny-vit", "running"), ("tiny-rn", "running"), ("tiny-rn", "batch")]
)
def test_gradients_and_statistics_are_the_same_bits(name, batch_norm, precision):
    kind = {"batch_norm": batch_norm, "precision": precision}
    plain, checkpointed = (_backbone(name, **kind) for _ in range(2))
    checkpoint_activations(checkpointed.visual)
    assert list(checkpointed.state_dict()) == list(plain.state_dict())
    expected, plain_bytes = _after_two_passes(plain, name)
    values, bytes_kept = _after_two_passes(checkpointed, name)
    for key, value in expected.items():
        assert torch.equal(values[key], value), key
    assert bytes_kept < 0.7 * plain_bytes


def test_a_tower_without_known_blocks_is_refused():
    conv = _backbone("conv", image_size=32, embed_dim=8)
    with pytest.raises(ConfigError, match=r"CLIP's ViTs and ResNets; Sequential has none"):
        checkpoint_activations(conv.visual)
