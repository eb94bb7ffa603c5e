"""Of a training on a GPU, torch's profiler and sync debugging tell what really happens."""

import warnings
from collections import Counter

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from spm.episodes.training_data import load_episodes
from tests.gpu.training import ACCUMULATE, CPU, DEVICES, GPU, episodes_of, model_on, store_of
from tests.gpu.training import trained as train_small

TENSORS = 4
"""Of an episode: clips, labels of supports and of queries, classes."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return store_of(tmp_path_factory.mktemp("store"))


def _profiled(store, device, *, steps: int) -> Counter[str]:
    """Name of an operation, kernel or copy -> how often a training of `steps` steps runs it."""
    on_gpu = [ProfilerActivity.CUDA] if device == GPU else []
    model = model_on(device, precision="bfloat16")
    with profile(activities=[ProfilerActivity.CPU, *on_gpu]) as profiled:
        train_small(store, model, steps=steps)
    return Counter({each.key: each.count for each in profiled.key_averages()})


def _each_step(store, device) -> Counter[str]:
    """What one more optimizer step runs, without what a training runs once."""
    once, more = (_profiled(store, device, steps=steps) for steps in (2, 3))
    return more - once


@pytest.fixture(scope="module", params=DEVICES)
def each_step(request, store):
    return request.param, _each_step(store, request.param)


def test_adam_is_fused_on_a_gpu(each_step):
    device, counts = each_step
    assert counts["aten::_fused_adam_"] == (device == GPU)  # one group of parameters
    assert counts["Optimizer.step#Adam.step"] == 1


def test_episodes_cross_the_bus_from_pinned_memory_alone(each_step):
    device, counts = each_step
    to_gpu = {name: number for name, number in counts.items() if "HtoD" in name}
    expected = {} if device == CPU else {"Memcpy HtoD (Pinned -> Device)": TENSORS * ACCUMULATE}
    assert to_gpu == expected


def test_one_result_a_step_comes_back(each_step):
    device, counts = each_step
    assert sum(number for name, number in counts.items() if "DtoH" in name) == (device == GPU)


@pytest.mark.cuda
def test_the_loader_pins_every_tensor(store):
    for workers in (0, 1):
        for episode in load_episodes(episodes_of(store, model_on(CPU)), [0, 1], workers=workers):
            assert all(tensor.is_pinned() for tensor in episode._tensors()), workers


def _layouts(model: nn.Module, pixels: torch.Tensor) -> list[bool]:
    """Of each convolution of the tower: whether weight, input and output have channels last."""
    found = []

    def note(module, inputs, output):
        tensors = (module.weight, inputs[0], output)
        layout = torch.channels_last
        found.append(all(tensor.is_contiguous(memory_format=layout) for tensor in tensors))

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note)
    model.encode(pixels)
    return found


@pytest.mark.parametrize("device", DEVICES)
def test_convolutions_have_channels_last_on_a_gpu(store, device):
    model = model_on(device, precision="bfloat16")
    pixels = episodes_of(store, model)[0].to(device).clips
    assert _layouts(model, pixels) == 4 * [device == GPU]


def _waits(store, *, steps: int, cuda_graph: bool) -> int:
    """How often the CPU waits for the GPU in a training."""
    model = model_on(GPU, dropout=0.2)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train_small(store, model, steps=steps, cuda_graph=cuda_graph)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(each.message) for each in caught)


@pytest.mark.cuda
@pytest.mark.parametrize("cuda_graph", [False, True])
def test_the_cpu_waits_for_the_gpu_once_a_step(store, cuda_graph):
    """When the losses are read; tests/training/test_gpu_waits.py finds the same without a GPU."""
    few, more = (_waits(store, steps=steps, cuda_graph=cuda_graph) for steps in (2, 6))
    assert more - few == 4


@pytest.mark.cuda
def test_a_wait_is_noticed():
    """The measuring itself."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        with pytest.raises(RuntimeError, match="synchroniz"):
            torch.ones(1, device=GPU).item()
    finally:
        torch.cuda.set_sync_debug_mode("default")
