"""A visual tower that is frozen: the same features, and neither gradients nor new statistics."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from spm.config.model import ModelConfig, Needs
from spm.methods.base import Method
from spm.model.backbone import build_backbone
from spm.model.model import FewShotModel, build_model
from tests.models import spec
from tests.towers import pixels


class _OfMaps(ModelConfig):
    @property
    def needs(self) -> Needs:
        return Needs(features="maps")


def _model(*, maps: bool = False, **backbone: Any) -> FewShotModel:
    """A small model in training mode, or a tower for a method that takes maps."""
    built = spec(backbone={"batch_norm": "batch"} | backbone)
    if not maps:
        return build_model(built).train()
    of_maps = _OfMaps(method="otam", init_from=None, seed=0)
    built = built.model_copy(update={"model": of_maps})
    return FewShotModel(build_backbone(built.backbone), Method(), config=built).train()


def _whole(model: FewShotModel, frames: Tensor, **backbone: Any) -> Tensor:
    """The features of the same tower where nothing is frozen, in evaluation mode."""
    whole = _model(maps=model.takes_maps, **backbone)
    whole.load_state_dict(model.state_dict())
    with torch.no_grad():
        return whole.eval().encode_video(frames)


@pytest.mark.parametrize("maps", [False, True])
def test_a_frozen_tower_gives_its_features_and_leaves_nothing_to_do(maps):
    model = _model(maps=maps, frozen=True)
    frames = pixels(model.backbone, 2, 3)
    stored = model.encode_frozen(frames)
    assert model.has_frozen_part
    assert stored.shape == (2, 3, *model.frozen_shape)
    assert model.frozen_shape == model.feature_shape
    assert torch.equal(model.encode_trained(stored), stored)
    assert torch.equal(model.encode_video(frames), stored)
    assert torch.equal(_whole(model, frames), stored)
    assert not stored.requires_grad


def test_a_frozen_tower_stays_in_evaluation_mode_whatever_batch_norm_says():
    model = _model(frozen=True, batch_norm="batch")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.encode_video(pixels(model.backbone, 4))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    norms = [each for each in model.backbone.modules() if isinstance(each, _BatchNorm)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert model.method.training


def test_frozen_weights_are_no_parameters_to_train():
    model = _model(frozen=True)
    assert not any(each.requires_grad for each in model.backbone.parameters())
    assert all(each.requires_grad for each in model.method.parameters())
    assert all(each.requires_grad for each in _model().parameters())


def test_what_is_frozen_is_frozen_as_soon_as_it_is_built():
    assert not build_backbone(_model(frozen=True).config.backbone).visual.training


def test_bfloat16_holds_in_the_frozen_part_and_gives_the_dtype_of_the_weights():
    exact, low = (_model(frozen=True, precision=name) for name in ("float32", "bfloat16"))
    frames = pixels(low.backbone, 2)
    features, expected = low.encode_frozen(frames), exact.encode_frozen(frames)
    assert features.dtype == torch.float32
    assert 1e-4 < (features - expected).norm() / expected.norm() < 0.1
    assert torch.equal(features, low.encode_video(frames))


def test_without_a_frozen_part_there_is_no_output_of_it():
    model = _model()
    assert not model.has_frozen_part
    with pytest.raises(ValueError, match="no part of this tower is frozen: it was built with"):
        model.encode_frozen(pixels(model.backbone, 1))
