"""What a training episode takes, counted and not measured: operations, and activations kept.

torch's fake tensors go through the forward and backward pass without a value in them: seconds and
no memory, for any size of model, on a machine that could not train it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from bench.episode import Episode, head_loss
from spm.model.activation_checkpointing import blocks, checkpoint_activations
from spm.model.model import FewShotModel
from spm.training.loop import episode_losses


@dataclass(frozen=True)
class Cost:
    """Of one training episode."""

    tower_flops: int
    """The visual tower's, forward and backward; a multiplication with its addition is two."""
    head_flops: int
    """All the rest's."""
    kept_bytes: int
    """What the forward pass keeps for the backward pass, weights aside."""

    @property
    def flops(self) -> int:
        return self.tower_flops + self.head_flops


def cost(build: Callable[[], FewShotModel], episode: Episode) -> Cost:
    """Of the model that `build` makes."""
    with FakeTensorMode():
        model, kept = build().train(), _Kept()
        pixels, text = episode.pixels(model.image_size), torch.zeros(episode.way, model.channels)
        with saved_tensors_hooks(kept.note, _as_it_is):
            with _counter() as tower_forward:
                features = model.encode_video(pixels.pixels)
            reached = features.detach().requires_grad_()
            with _counter() as head_forward:
                loss = head_loss(model, reached, pixels, text)
        with _counter() as head_backward:
            loss.backward()
        with _counter() as tower_backward:
            features.backward(reached.grad)
        counts = [
            forward.get_total_flops() + backward.get_total_flops()
            for forward, backward in (
                (tower_forward, tower_backward),
                (head_forward, head_backward),
            )
        ]
        return Cost(*counts, kept_bytes=kept.bytes(model))


def kept_with_checkpointing(build: Callable[[], FewShotModel], episode: Episode) -> int:
    """Kept bytes under activation checkpointing; the backward pass adds those of one block."""
    with FakeTensorMode():
        model, kept = build().train(), _Kept()
        for block in blocks(model.backbone.visual):
            block.register_forward_pre_hook(kept.note_input)
        checkpoint_activations(model.backbone.visual)
        pixels, text = episode.pixels(model.image_size), torch.zeros(episode.way, model.channels)
        with saved_tensors_hooks(kept.note, _as_it_is):
            episode_losses(model, pixels, text)
        return kept.bytes(model)


def _counter() -> FlopCounterMode:
    """Attention on the CPU as torch counts it on GPUs, and no operation that is repeated."""
    forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    formulas = {
        forward: lambda q, k, v, *_, **__: sdpa_flop_count(q, k, v),
        backward: lambda _, q, k, v, *__, **___: 2 * sdpa_flop_count(q, k, v),
    }
    return FlopCounterMode(display=False, custom_mapping=formulas)


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


class _Kept:
    """Memory, each piece once."""

    def __init__(self) -> None:
        self._storages: dict[int, torch.UntypedStorage] = {}

    def note(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._storages[storage._cdata] = storage
        return tensor

    def note_input(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.note(inputs[0])

    def bytes(self, model: FewShotModel) -> int:
        """Without the model's own."""
        weights = {weight.untyped_storage()._cdata for weight in model.parameters()}
        return sum(each.nbytes() for key, each in self._storages.items() if key not in weights)
