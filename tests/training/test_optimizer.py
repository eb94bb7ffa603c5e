"""The optimizers: what each one is built of, and what weight decay leaves out."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from spm.base.errors import ConfigError
from spm.model.model import build_model
from spm.training.learning_rate import build_scheduler
from spm.training.optimizer import build_optimizer, parameter_groups
from tests.models import spec
from tests.training.test_schedule import _config

CPU = torch.device("cpu")
SGD = {"optimizer": "sgd", "momentum": 0.9, "nesterov": True}


class RmsNorm(nn.Module):
    """Stands for timm's, which is no subclass of torch's norms."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))


def _model() -> nn.ModuleDict:
    model = nn.ModuleDict(
        {
            "linear": nn.Linear(2, 2),
            "attention": nn.MultiheadAttention(2, 1),
            "layer": nn.LayerNorm(2),
            "batch": nn.BatchNorm2d(2),
            "rms": RmsNorm(),
        }
    )
    model.register_parameter("scale", nn.Parameter(torch.ones(())))
    return model


NORMS = {"layer.weight", "layer.bias", "batch.weight", "batch.bias", "rms.weight"}
BIASES = {"linear.bias", "attention.in_proj_bias", "attention.out_proj.bias"}


@pytest.mark.parametrize(
    ("norms", "biases", "spared"),
    [
        (True, True, set()),
        (False, True, NORMS),
        (True, False, BIASES),
        (False, False, NORMS | BIASES),
    ],
)
def test_what_weight_decay_leaves_out(norms, biases, spared):
    model = _model()
    config = _config(weight_decay=0.5, decay_norms=norms, decay_biases=biases)
    decays = {
        parameter: group["weight_decay"]
        for group in parameter_groups(model, config)
        for parameter in group["params"]
    }
    named = dict(model.named_parameters())
    assert len(decays) == len(named)
    assert {name for name in named if decays[named[name]] == 0.0} == spared
    assert {decays[named[name]] for name in named.keys() - spared} == {0.5}


def test_a_shared_parameter_is_in_one_group():
    linear, norm = nn.Linear(2, 2), nn.LayerNorm(2)
    norm.bias = linear.bias
    groups = parameter_groups(nn.Sequential(linear, norm), _config(decay_norms=False))
    assert [len(group["params"]) for group in groups] == [2, 1]


def test_frozen_parameters_are_in_no_group():
    model = build_model(spec(backbone={"train_last": 1}))
    held = [each for group in parameter_groups(model, _config()) for each in group["params"]]
    trained = [value for name, value in model.named_parameters() if not model.is_frozen(name)]
    assert 0 < len(trained) < len([*model.parameters()])
    assert {id(value) for value in held} == {id(value) for value in trained}


def test_a_model_with_nothing_to_train_says_so():
    model = build_model(spec(method="otam", backbone={"frozen": True}))
    with pytest.raises(ConfigError, match=r"no parameter to train: .* Set train\.episodes: 0, or"):
        build_optimizer(model, _config(), device=CPU)


@pytest.mark.parametrize(
    ("changes", "kind", "values"),
    [
        ({}, torch.optim.Adam, {"betas": (0.9, 0.999), "decoupled_weight_decay": False}),
        (
            {"optimizer": "adamw", "betas": [0.5, 0.99]},
            torch.optim.AdamW,
            {"betas": (0.5, 0.99), "decoupled_weight_decay": True},
        ),
        (SGD, torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "dampening": 0}),
        (
            {"optimizer": "sgd"},
            torch.optim.SGD,
            {"momentum": 0.0, "nesterov": False, "dampening": 0},
        ),
    ],
)
def test_each_optimizer_is_torchs_with_the_values_given(changes, kind, values):
    config = _config(lr=0.25, weight_decay=0.5, decay_biases=False, **changes)
    optimizer = build_optimizer(_model(), config, device=CPU)
    assert type(optimizer) is kind
    decayed, spared = optimizer.param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.5, 0.0)
    for group in (decayed, spared):
        assert values | {"lr": 0.25} == {key: group[key] for key in (*values, "lr")}


def test_a_constant_rate_and_decay_of_everything_is_plain_adam_bit_for_bit():
    """The paper's training, and those of before there were other optimizers."""
    config = _config(schedule="constant")
    ours, plain = build_model(spec()), build_model(spec())
    optimizer = build_optimizer(ours, config, device=CPU)
    scheduler = build_scheduler(optimizer, config)
    expected = torch.optim.Adam(
        plain.parameters(), lr=0.001, betas=(0.9, 0.999), weight_decay=0.00005
    )
    for step in range(3):
        for model in (ours, plain):
            generator = torch.Generator().manual_seed(step)
            for parameter in model.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
        scheduler.step()
        expected.step()
    for (name, value), other in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(value, other), name


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adamw"}, SGD])
def test_a_step_on_a_gpu_is_fused(changes):
    """On fake tensors, without a GPU."""
    cuda = torch.device("cuda", 0)
    with FakeTensorMode(), cuda:
        on_gpu = build_optimizer(_model(), _config(**changes), device=cuda)
    on_cpu = build_optimizer(_model(), _config(**changes), device=CPU)
    assert (on_gpu.defaults["fused"], on_cpu.defaults["fused"]) == (True, None)
