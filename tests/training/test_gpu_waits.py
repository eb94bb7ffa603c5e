"""A training step on a GPU, without one: fake tensors tell where it would be waited for.

torch's fake tensors have a device and a shape but no values. Whatever needs a value on the CPU
raises, so does an operation on tensors of two devices, and copies can be watched.
"""

from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from spm.episodes.training_data import EpisodeClips
from spm.model.model import build_model
from spm.training.loop import _objective, _rows, episode_losses
from tests.models import spec
from tests.training.test_loop import _config

CUDA = torch.device("cuda", 0)


class _Copies(TorchDispatchMode):
    """Notes each copy from the CPU to the GPU: for one that blocks, the GPU's queue runs empty."""

    def __init__(self) -> None:
        super().__init__()
        self.blocking: list[bool] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._to_copy.default and out.is_cuda and not args[0].is_cuda:
            self.blocking.append(not (kwargs or {}).get("non_blocking", False))
        return out


def _episode() -> EpisodeClips:
    labels = torch.arange(3)
    pixels = torch.zeros(9, 4, 32, 32, 3, dtype=torch.uint8)
    return EpisodeClips(pixels, labels, labels.repeat_interleave(2), labels)


@pytest.mark.parametrize("together", [1, 2])
def test_a_forward_pass_waits_for_nothing(together):
    with FakeTensorMode(), _Copies() as copies:
        with CUDA:
            model = build_model(spec(learn_lambda3=True)).train()
        copies.blocking.clear()
        episodes = EpisodeClips.stack(_episode().to(CUDA) for _ in range(together))
        losses = episode_losses(model, episodes, torch.zeros(5, 16, device=CUDA))
        objective, rows = _objective(losses, _config()), _rows(losses, episodes)
    assert objective.device == rows.device == CUDA
    assert rows.shape == (together, 5)
    assert copies.blocking == [False] * 4 * together  # the tensors of each episode, no more


def test_what_does_wait_is_noticed():
    """The measuring device itself."""
    with FakeTensorMode(), _Copies() as copies:
        on_gpu = torch.zeros(3, device=CUDA)
        on_gpu.new_tensor(0.5)
        assert copies.blocking == [True]
        with pytest.raises(DataDependentOutputException):
            on_gpu.sum().item()
        with pytest.raises(RuntimeError, match="at least two devices"):
            on_gpu + torch.zeros(3)
