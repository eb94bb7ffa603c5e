"""A training step on a GPU, without one: fake tensors tell where it would be waited for.

torch's fake tensors have a device and a shape but no values. Whatever needs a value on the CPU
raises, so does an operation on tensors of two devices, and copies can be watched.
"""

from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from spm.config.model import method_names
from spm.episodes.training_data import EpisodeClips
from spm.model.model import FewShotModel, build_model
from spm.model.spec import ModelSpec
from spm.training.losses import episode_losses, history_rows, objective
from tests.methods.small import small
from tests.models import spec
from tests.training.test_loop import _config

CUDA = torch.device("cuda", 0)
CLASSES, FRAMES = 5, 4
"""CLASSES: of the training."""


class _Copies(TorchDispatchMode):
    """Notes each copy between CPU and GPU: for one that blocks, the GPU's queue runs empty."""

    def __init__(self) -> None:
        super().__init__()
        self.blocking: list[bool] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._to_copy.default and out.is_cuda != args[0].is_cuda:
            self.blocking.append(not (kwargs or {}).get("non_blocking", False))
        if func is torch.ops.aten.copy_.default and args[0].is_cuda != args[1].is_cuda:
            self.blocking.append(True)
        return out


def _episode() -> EpisodeClips:
    labels = torch.arange(3)
    pixels = torch.zeros(9, FRAMES, 32, 32, 3, dtype=torch.uint8)
    return EpisodeClips(pixels, labels, labels.repeat_interleave(2), labels)


def _model(name: str) -> FewShotModel:
    """A small model of method `name`, built on the CPU and then moved, as `train` does."""
    model = build_model(_spec(name)).train()
    for module in model.modules():  # `model.to` cannot swap fake tensors
        for held in (module._parameters, module._buffers):
            held |= {key: value.to(CUDA) for key, value in held.items() if value is not None}
    return model


def _spec(name: str) -> ModelSpec:
    values = small(name) | ({"learn_lambda3": True} if name == "clip_spm" else {})
    large = spec(method=name, **values)
    frames = large.frames.model_copy(update={"num_segments": FRAMES})
    return large.model_copy(update={"frames": frames, "train_classes": CLASSES})


@pytest.mark.parametrize(
    ("name", "together"), [("clip_spm", 1), *((name, 2) for name in method_names())]
)
def test_a_forward_pass_waits_for_nothing(name, together):
    with FakeTensorMode(), _Copies() as copies:
        model, text = _model(name), torch.zeros(CLASSES, 16, device=CUDA)
        copies.blocking.clear()
        episodes = EpisodeClips.stack(_episode().to(CUDA) for _ in range(together))
        losses = episode_losses(model, episodes, text)
        total, rows = objective(losses, _config()), history_rows(losses, episodes.query_labels)
    assert total.device == rows.device == CUDA
    assert rows.shape == (together, 2 + len(model.method.terms))
    assert copies.blocking == [False] * 4 * together  # the tensors of each episode, no more


def test_what_does_wait_is_noticed():
    """The measuring device itself."""
    with FakeTensorMode(), _Copies() as copies:
        on_gpu = torch.zeros(3, device=CUDA)
        on_gpu.new_tensor(0.5)
        on_gpu.cpu()
        assert copies.blocking == [True, True]
        on_gpu.view(3, 1)[0, 0] = 0  # a copy of one number; of a slice it would be a fill
        assert copies.blocking == [True, True, True]
        with pytest.raises(DataDependentOutputException):
            on_gpu.sum().item()
        with pytest.raises(RuntimeError, match="at least two devices"):
            on_gpu + torch.zeros(3)
