"""Counts the operations and the stored activations of a training episode, without running it.

torch's fake tensors pass through forward and backward without values. The count takes seconds and
no memory for a model of any size, also on a machine that could not train it.
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
from spm.training.losses import episode_losses


@dataclass(frozen=True)
class Cost:
    """The cost of one training episode."""

    tower_flops: int
    """Operations of the visual tower, forward and backward; a multiply-add counts as two."""
    head_flops: int
    """Operations of everything else."""
    kept_bytes: int
    """Bytes that the forward pass stores for the backward pass, without the weights."""

    @property
    def flops(self) -> int:
        return self.tower_flops + self.head_flops


def cost(build: Callable[[], FewShotModel], episode: Episode) -> Cost:
    """The cost of an episode of the model that `build` returns."""
    with FakeTensorMode():
        model, kept = build().train(), _Kept()
        pixels, text = episode.pixels(model.image_size), torch.zeros(episode.way, model.channels)
        with saved_tensors_hooks(kept.note, _as_it_is):
            with _counter() as tower_forward:
                features = model.encode_video(pixels.clips)
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
    """`Cost.kept_bytes` with activation checkpointing; the backward pass adds one block's bytes."""
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
    """A counter that counts CPU attention like GPU attention, and no recomputed operation."""
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
    """Collects the storages of stored tensors, each once."""

    def __init__(self) -> None:
        self._storages: dict[int, torch.UntypedStorage] = {}

    def note(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._storages[storage._cdata] = storage
        return tensor

    def note_input(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.note(inputs[0])

    def bytes(self, model: FewShotModel) -> int:
        """The bytes of all storages but the model's own."""
        weights = {weight.untyped_storage()._cdata for weight in model.parameters()}
        return sum(each.nbytes() for key, each in self._storages.items() if key not in weights)
