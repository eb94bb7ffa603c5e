"""The method's part of a training pass as a CUDA graph; tests/training has the rest."""

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from spm.base.errors import ConfigError
from spm.config.model import method_names
from spm.episodes.device import place
from tests.gpu.training import ACCUMULATE, GPU, losses, model_on, store_of, trained
from tests.training.test_recorded_method import _episodes, _model, _passes

pytestmark = pytest.mark.cuda

SIZES = (1, 1, 2, 1, 1, 2)
_SPOILED: list[str] = []


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return store_of(tmp_path_factory.mktemp("store"))


@pytest.fixture(autouse=True)
def _fit_for_work():
    """A recording that fails spoils the process: what fails after it says nothing of its own."""
    if _SPOILED:
        pytest.fail(f"a recording failed before, in {_SPOILED[0]}: run this test alone")


def _rows_and_gradients(name, *, recorded, told=pytest.fail, **changes):
    try:
        return _run(name, recorded=recorded, told=told, **changes)
    except ConfigError:
        _SPOILED.append(name)
        raise


def _run(name, *, recorded, told, **changes):
    torch.manual_seed(0)
    model = place(_model(name, **changes), GPU)
    passes, rows = _passes(model, recorded=recorded, told=told), []
    for number, together in enumerate(SIZES):
        torch.manual_seed(number)
        rows.append(passes(_episodes(number, together=together).to(GPU)).clone())
        if number == 2:  # as after an optimizer step
            model.zero_grad()
    gradients = [each.grad for each in model.parameters() if each.grad is not None]
    gradients += [each.double() for each in model.buffers()]  # running statistics
    return torch.cat(rows).cpu(), gradients, passes


@pytest.mark.parametrize("name", method_names())
def test_every_method_is_recorded_and_has_the_same_losses(name):
    expected, gradients, _ = _rows_and_gradients(name, recorded=False)
    found, recorded, passes = _rows_and_gradients(name, recorded=True)
    assert len(passes._recorded._shapes) == 2
    assert all(passes._recorded._shapes.values())  # none left to be recorded
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert len(recorded) == len(gradients) > 0
    largest = max(float(each.abs().max()) for each in gradients)
    for one, other in zip(recorded, gradients, strict=True):  # some are 0 but for rounding
        atol = 1e-4 * float(other.abs().max()) + 1e-7 * largest
        torch.testing.assert_close(one, other, rtol=1e-3, atol=atol)


def test_draws_of_dropout_are_those_of_a_pass_that_is_not_recorded():
    """And of another seed others."""
    (expected, *_), (found, *_) = (
        _rows_and_gradients("clip_spm", recorded=how, dropout=0.2, attention_dropout=0.2)
        for how in (False, True)
    )
    without, *_ = _rows_and_gradients("clip_spm", recorded=True)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert (without - found).abs().max() > 1e-3


def test_a_method_that_reads_values_back_is_told_and_run():
    lines = []
    expected, *_ = _rows_and_gradients("clip_m2df", recorded=False, prompts="draw")
    found, _, passes = _rows_and_gradients(
        "clip_m2df", recorded=True, told=lines.append, prompts="draw"
    )
    assert len(lines) == 1
    assert not any(passes._recorded._shapes.values())
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("backbone", "changes"),
    [
        ({}, {}),
        ({}, {"loader_workers": 2}),  # and the thread that pins their memory
        ({}, {"episodes_per_forward": 2}),
        ({"precision": "bfloat16"}, {}),
        ({"precision": "bfloat16"}, {"compile": True}),
        ({"frozen": True}, {}),
    ],
)
def test_a_training_has_the_losses_of_one_that_is_not_recorded(store, backbone, changes):
    plain, recorded = (
        losses(trained(store, model_on(GPU, dropout=0.2, **backbone), cuda_graph=how, **changes))
        for how in (False, True)
    )
    np.testing.assert_allclose(recorded, plain, rtol=0, atol=1e-3)


def test_every_pass_after_the_first_is_one_launch(store):
    """Validation, which is not recorded, comes between them."""
    model = model_on(GPU)
    frames = torch.zeros(2, 4, 56, 56, 3, dtype=torch.uint8, device=GPU)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        trained(
            store,
            model,
            steps=6,
            cuda_graph=True,
            validate_every=ACCUMULATE,
            validate=lambda model: float(model.eval().encode(frames).isfinite().all()),
        )
    launches = {each.key: each.count for each in profiled.key_averages()}.get("cudaGraphLaunch")
    assert launches == 6 * ACCUMULATE - 1
