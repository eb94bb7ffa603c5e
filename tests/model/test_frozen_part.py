"""A visual tower that is frozen, whole or up to its last blocks.

Its features stay the same; training gives the frozen part neither gradients nor new statistics.
"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.config.model import ModelConfig, Needs
from spm.methods.base import Method
from spm.model.activation_checkpointing import checkpoint_activations
from spm.model.backbone import build_backbone
from spm.model.model import FewShotModel, build_model, load_model, save_model
from spm.model.spec import differences
from tests import tiny_clip
from tests.models import spec
from tests.towers import TINY_RESNET, VIT, pixels

FROZEN: list[dict[str, Any]] = [{"frozen": True}, *({"train_last": n} for n in (1, 2, 3))]
"""All that the tower of these tests, with its three blocks, can be."""
STAGES = "backbone.visual.trunk.stages"


class _OfMaps(ModelConfig):
    @property
    def needs(self) -> Needs:
        return Needs(features="maps")


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch, tmp_path):
    tiny_clip.register(
        monkeypatch, tmp_path, {"tiny-vit": tiny_clip.CONFIG, "tiny-rn": TINY_RESNET}
    )


def _model(*, maps: bool = False, **backbone: Any) -> FewShotModel:
    """A small model in training mode, or a tower for a method that takes maps."""
    built = spec(backbone={"batch_norm": "batch"} | backbone, method="otam")
    if not maps:
        return build_model(built).train()
    of_maps = _OfMaps(method="otam", init_from=None, seed=0)
    built = built.model_copy(update={"model": of_maps})
    return FewShotModel(build_backbone(built.backbone), Method(), config=built).train()


def _copied(model: FewShotModel) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def _changed(model: FewShotModel, before: dict[str, Tensor]) -> set[str]:
    after = model.state_dict()
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def _step(model: FewShotModel) -> None:
    """One step of an optimizer that moves every weight which has a gradient."""
    trained = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1, weight_decay=0.1)
    model.encode_video(pixels(model.backbone, 4)).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("maps", [False, True])
@pytest.mark.parametrize("frozen", FROZEN)
def test_the_two_parts_give_the_features_of_the_whole(frozen, maps):
    model = _model(maps=maps, **frozen).eval()
    frames = pixels(model.backbone, 2, 3)
    whole = _model(maps=maps).eval()
    whole.load_state_dict(model.state_dict())
    with torch.no_grad():
        stored = model.encode_frozen(frames)
        features = model.encode_trained(stored)
        assert torch.equal(features, model.encode_video(frames))
        assert torch.equal(features, whole.encode_video(frames))
    assert model.has_frozen_part
    assert stored.shape == (2, 3, *model.frozen_shape)
    assert features.shape == (2, 3, *model.feature_shape)
    assert stored.dtype == torch.float32


def test_a_tower_that_is_frozen_whole_leaves_nothing_to_do():
    for maps in (False, True):
        model = _model(maps=maps, frozen=True)
        stored = model.encode_frozen(pixels(model.backbone, 2))
        assert model.frozen_shape == model.feature_shape
        assert model.encode_trained(stored) is stored


@pytest.mark.parametrize(
    ("name", "side", "last", "shape"),
    [
        ("builtin-clip", None, 1, (64, 7, 7)),
        ("builtin-clip", None, 3, (16, 28, 28)),
        ("tiny-vit", None, 1, (5, 64)),
        ("tiny-vit", None, 2, (5, 64)),
        ("tiny-rn", None, 2, (128, 8, 8)),
        (VIT, 64, 1, (17, 64)),
    ],
)
def test_the_frame_is_the_first_dimension_of_what_is_stored(name, side, last, shape):
    model = _model(name=name, image_size=side, train_last=last)
    assert model.frozen_shape == shape
    assert model.encode_frozen(pixels(model.backbone, 2, 3)).shape == (2, 3, *shape)


@pytest.mark.parametrize("maps", [False, True])
@pytest.mark.parametrize("frozen", FROZEN)
def test_training_changes_the_trained_part_alone(frozen, maps):
    """Weights, weight decay and BatchNorm's statistics."""
    model = _model(maps=maps, **frozen)
    before, last = _copied(model), frozen.get("train_last", 0)
    pooling = {name for name in before if name.startswith("backbone.visual.head.")}
    trained = {
        name
        for name in before
        if any(name.startswith(f"{STAGES}.{number}.") for number in range(4 - last, 4))
    }
    if last:
        _step(model)
    else:
        model.encode_video(pixels(model.backbone, 4))
    assert _changed(model, before) == (trained | (set() if maps else pooling) if last else set())
    assert {name for name in before if not model.is_frozen(name)} == (
        trained | pooling if last else set()
    )


@pytest.mark.parametrize("frozen", FROZEN)
def test_what_was_stored_before_training_is_right_after_it(frozen):
    model = _model(**frozen)
    frames = pixels(model.backbone, 4)
    stored = model.encode_frozen(frames)
    if "train_last" in frozen:
        _step(model)
    assert torch.equal(model.encode_frozen(frames), stored)
    assert torch.equal(model.eval().encode_frozen(frames), stored)
    assert torch.equal(model.encode_trained(stored), model.encode_video(frames))


def test_gradients_reach_the_trained_part_from_what_is_stored_as_from_pixels():
    models = [_model(train_last=2, batch_norm="running") for _ in range(2)]
    frames = pixels(models[0].backbone, 4)
    models[0].encode_video(frames).square().sum().backward()
    models[1].encode_trained(models[1].encode_frozen(frames)).square().sum().backward()
    for (name, one), other in zip(
        models[0].named_parameters(), models[1].parameters(), strict=True
    ):
        assert (one.grad is None) == models[0].is_frozen(name), name
        assert one.grad is None or torch.equal(one.grad, other.grad)


@pytest.mark.parametrize("batch_norm", ["running", "batch", "running-then-batch"])
@pytest.mark.parametrize("frozen", FROZEN)
def test_the_frozen_part_stays_in_evaluation_mode(frozen, batch_norm):
    model = _model(batch_norm=batch_norm, **frozen)
    model.backbone.validated = True
    trained, learns = frozen.get("train_last", 0), batch_norm != "running"
    expected = [learns and number >= 4 - trained for number in range(4)]
    for mode in (True, False):
        stages = model.train(mode).backbone.visual.trunk.stages
        assert [stage.norm.training for stage in stages] == [mode and each for each in expected]
    assert not model.train().backbone.visual.trunk.stages[0].training


def test_the_mode_is_set_as_soon_as_the_tower_is_built():
    visual = build_backbone(_model(train_last=1).config.backbone).visual
    assert [stage.norm.training for stage in visual.trunk.stages] == [False, False, False, True]


def test_frozen_weights_ask_for_no_gradient_and_others_do():
    model = _model(train_last=1)
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != model.is_frozen(name), name
    assert all(each.requires_grad for each in _model().parameters())
    assert not any(_model().is_frozen(name) for name in _model().state_dict())


@pytest.mark.parametrize("frozen", [{"frozen": True}, {"train_last": 1}])
def test_bfloat16_holds_in_both_parts_and_what_is_stored_has_the_dtype_of_the_weights(frozen):
    exact, low = (_model(**frozen, precision=name).eval() for name in ("float32", "bfloat16"))
    seen: list[torch.dtype] = []
    for module in low.backbone.visual.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    frames = pixels(low.backbone, 2)
    with torch.no_grad():
        for encode in ("encode_frozen", "encode_video"):
            features, expected = (getattr(each, encode)(frames) for each in (low, exact))
            assert features.dtype == torch.float32
            assert 1e-4 < (features - expected).norm() / expected.norm() < 0.1
    assert set(seen) == {torch.bfloat16}


def test_double_precision():
    model = _model(train_last=1).double()
    stored = model.encode_frozen(pixels(model.backbone, 2))
    assert stored.dtype == model.encode_trained(stored).dtype == torch.float64


@pytest.mark.parametrize("name", ["tiny-vit", "tiny-rn", "builtin-clip"])
def test_activation_checkpointing_changes_no_bit(name):
    plain, recomputed = (_model(name=name, train_last=1) for _ in range(2))
    checkpoint_activations(recomputed.backbone.visual)
    for model in (plain, recomputed):
        _step(model)
    assert _changed(plain, _copied(recomputed)) == set()


def test_a_saved_model_is_whole_and_frozen_where_it_was(tmp_path):
    model = _model(train_last=2)
    _step(model)
    save_model(model, tmp_path)
    loaded, frames = load_model(tmp_path), pixels(model.backbone, 2)
    assert _changed(model, loaded.state_dict()) == set()
    assert loaded.config.backbone.train_last == 2
    with torch.no_grad():
        assert torch.equal(loaded.encode_video(frames), model.eval().encode_video(frames))


def test_what_is_frozen_changes_nothing_that_given_weights_compute():
    whole = _model().config
    for frozen in FROZEN:
        assert differences(whole, _model(**frozen).config) == []


def test_without_a_frozen_part_there_is_no_output_of_it():
    model = _model()
    assert not model.has_frozen_part
    message = "no part of this tower is frozen: it was built with"
    for use in (
        lambda: model.encode_frozen(pixels(model.backbone, 1)),
        lambda: model.encode_trained(torch.zeros(1, 16)),
        lambda: model.frozen_shape,
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize("shape", [(2, 64, 4, 3), (64, 4, 4), (4, 4)])
def test_what_is_no_output_of_the_frozen_part_is_refused(shape):
    model = _model(train_last=1)
    assert model.frozen_shape == (64, 4, 4)
    with pytest.raises(ValueError, match=r"of encode_frozen, \[\.\.\., 64, 4, 4\]; got \["):
        model.encode_trained(torch.zeros(shape))


def test_more_blocks_than_there_are_is_refused():
    with pytest.raises(ConfigError, match=r"train_last = 4: tiny-conv has 3 blocks: set 3 or less"):
        _model(train_last=4)
