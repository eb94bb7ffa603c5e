"""Heat maps: the formula, every kind of tower, and the moving object of `motion`."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.heat import measure
from spm.base.errors import ConfigError
from spm.config.model import method_names
from spm.heat.grad_cam import heat_map
from spm.model.model import FewShotModel
from spm.recognition.enrolled import EnrolledClass
from spm.recognition.from_tower import model_from_tower
from spm.recognition.recognizer import Recognizer
from tests import models
from tests.methods.small import small
from tests.towers import pixels, tower

ACTIONS = (
    "moving_something_from_left_to_right",
    "moving_something_from_right_to_left",
    "moving_something_down",
    "moving_something_up",
)


def linear(seed: int = 0) -> torch.nn.Module:
    """Features [T, C] -> logits [1, 2]: another direction of the features for each."""
    torch.manual_seed(seed)
    weights = torch.randn(2, 128)

    class Head(torch.nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            return (features.flatten(1)[:, :128].mean(0) @ weights[:, : features.shape[1]].T)[None]

    return Head()


@pytest.fixture(scope="module")
def otam() -> FewShotModel:
    return model_from_tower("builtin-clip", method="otam")


def test_it_is_the_formula_of_grad_cam(otam: FewShotModel) -> None:
    """A cut of its own: what the tower with a trained last block keeps frozen."""
    cut = tower("builtin-clip", train_last=1)
    otam.backbone.visual.load_state_dict(cut.visual.state_dict())
    frames, head = pixels(cut, 3), linear()
    activations = cut.encode_frozen(frames).requires_grad_()
    logit = head(cut.encode_trained(activations))[0, 1]
    (slope,) = torch.autograd.grad(logit, activations)
    expected = (slope.mean((2, 3), keepdim=True) * activations).sum(1, keepdim=True).relu()
    size = 2 * (otam.image_size,)
    fine = torch.nn.functional.interpolate(expected, size, mode="bilinear")[:, 0].detach()
    assert expected.shape[-2:] == (7, 7)
    found = heat_map(otam, frames, head, label=1)
    np.testing.assert_allclose(found, fine / fine.max(), atol=1e-5)
    assert found.max() == 1
    assert not np.allclose(found, heat_map(otam, frames, head, label=0), atol=0.05)


def test_where_no_average_is_positive_gradient_times_activation_tells(
    otam: FewShotModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spm.heat import grad_cam

    frames, head = pixels(otam.backbone, 2), linear()
    usual = heat_map(otam, frames, head, label=0)
    monkeypatch.setattr(
        grad_cam.LayerGradCam, "attribute", lambda *_, **__: -torch.ones(2, 1, 7, 7)
    )
    found = heat_map(otam, frames, head, label=0)
    assert found.max() == 1
    assert not np.allclose(found, usual, atol=0.05)


def test_a_logit_that_nothing_raises_has_no_heat(otam: FewShotModel) -> None:
    found = heat_map(
        otam, pixels(otam.backbone, 2), lambda features: 0 * features.sum()[None, None], label=0
    )
    assert not found.any()


@pytest.mark.parametrize(
    "name",
    [
        "timm/vit_tiny_patch16_224.augreg_in21k",
        "timm/deit_tiny_distilled_patch16_224.fb_in1k",  # by its last block
        "timm/cait_xxs24_224.fb_dist_in1k",
        pytest.param("RN50-quickgelu", marks=pytest.mark.slow),
        pytest.param("ViT-B-32-quickgelu", marks=pytest.mark.slow),
        pytest.param("EVA02-B-16", marks=pytest.mark.slow),
    ],
)
def test_every_kind_of_tower_has_heat(name: str, otam: FewShotModel) -> None:
    model = FewShotModel(tower(name), otam.method, config=otam.config)
    frames = pixels(model.backbone, 2)
    found = [heat_map(model, frames, linear(), label=label) for label in (0, 1)]
    assert all(heat.shape == frames.shape[:3] for heat in found)
    hottest = max(found, key=lambda heat: heat.std())  # of random weights, one may speak for none
    assert hottest.max() == 1
    assert hottest.std() > 0.01


def test_a_tower_without_places_says_so(otam: FewShotModel) -> None:
    class NoBlocks(torch.nn.Module):
        def forward_features(self, images: Tensor) -> Tensor:
            return images.mean((2, 3))

        def forward_head(self, features: Tensor) -> Tensor:
            return features

        forward = forward_features

    backbone = tower("builtin-clip")
    backbone.visual = NoBlocks()
    model = FewShotModel(backbone, otam.method, config=otam.config)
    with pytest.raises(ConfigError, match="no heat map of builtin-clip: it is not known which"):
        heat_map(model, pixels(backbone, 2), lambda features: features.mean()[None, None], label=0)


@pytest.mark.parametrize("name", method_names())
def test_every_method_passes_its_gradient_to_the_tower(name: str) -> None:
    """Maps and frames, with and without texts; and no weight keeps a gradient."""
    model = models.build(**{"method": name} | small(name)).float()
    torch.manual_seed(0)
    recognizer = Recognizer(model, _classes(model), text_trained=None)
    frames = pixels(model.backbone, model.config.frames.num_segments)
    found = [
        heat_map(model, frames, lambda features: recognizer.logits(features[None]), label=label)
        for label in (0, 1)
    ]
    assert all(heat.shape == frames.shape[:3] for heat in found)
    assert max(heat.max() for heat in found) == 1
    assert all(weight.grad is None for weight in model.parameters())


def _classes(model: FewShotModel) -> list[EnrolledClass]:
    shape = (1, model.config.frames.num_segments, *model.feature_shape)
    text = torch.randn(model.channels) if model.config.model.needs.text else None
    return [EnrolledClass(name, ["a"], torch.randn(shape), "", text) for name in ("one", "two")]


def test_on_motion_the_heat_lies_on_the_moving_object(tmp_path: Path) -> None:
    """Not so where the same heat lies elsewhere, comes later, or is of another clip."""
    model = model_from_tower("builtin-clip", method="otam")
    own, wrong = measure(model, tmp_path, actions=ACTIONS, queries=6)
    assert len(own) == 24
    assert np.median(own) >= 2
    assert all(np.median(shares) < 1.5 for shares in wrong.values()), wrong
