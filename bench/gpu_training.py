"""Rows of bench.gpu on training: with a tower that is trained, and on stored features.

`utilisation` is the share of the GPU's measured bf16 matrix rate, without recomputed operations.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import torch

from bench.counted import Cost, cost
from bench.episode import Episode
from bench.gpu_case import Case, Sizes, tower_seconds, training_seconds
from bench.models import BACKBONES, build
from spm.episodes.device import place
from spm.model.activation_checkpointing import checkpoint_activations


def cases(*, toy: bool, compiled: bool, recorded: bool = False) -> Iterator[Case]:
    """1-shot, alone and two and four episodes together; 5-shot, also with checkpointing.

    Recorded as a CUDA graph: 1-shot, alone and in fours. Compiled: the same, since each case
    compiles anew, for up to a minute.
    """
    for name, backbone in towers(toy=toy).items():
        one, five = (
            Case(name, backbone, shot, compiled=compiled, recorded=recorded) for shot in (1, 5)
        )
        if compiled or recorded:
            yield from (one, replace(one, together=4))
            continue
        yield one
        yield from (replace(one, together=together) for together in _together(toy=toy))
        if not toy:
            yield from (five, replace(five, checkpointing=True))


def frozen_cases(*, toy: bool, recorded: bool = False) -> Iterator[Case]:
    """1-shot, alone and two and four episodes together; 5-shot. Recorded: 1-shot alone."""
    for name, backbone in towers(toy=toy).items():
        one, five = (Case(name, backbone, shot, recorded=recorded) for shot in (1, 5))
        yield one
        if recorded:
            continue
        yield from (replace(one, together=together) for together in _together(toy=toy))
        if not toy:
            yield five


def towers(*, toy: bool) -> dict[str, str | None]:
    """The paper's name of a backbone -> open_clip's name."""
    return {"builtin-clip": None} if toy else {**BACKBONES}


def _together(*, toy: bool) -> tuple[int, ...]:
    return (4,) if toy else (2, 4)


def run(case: Case, device: torch.device, sizes: Sizes, *, rate: float) -> dict[str, Any]:
    """The row of a training that fine-tunes the tower. rate: FLOP/s of bf16 matrix products."""
    counted = _counted(case.backbone, case.episode)
    torch.compiler.reset()  # or the second number of episodes would compile for any number
    model = place(build(case.backbone, precision="bfloat16"), device)
    if case.checkpointing:
        checkpoint_activations(model.backbone.visual)
    forget_peak(device)
    seconds = training_seconds(model, case, steps=sizes.steps)
    peak = peaks(device)
    tower = tower_seconds(model, case, device)
    return {
        "training episodes/s": 1 / seconds,
        "TFLOP an episode": counted.flops / 1e12,
        "utilisation, %": 100 * counted.flops / seconds / rate,
        "outside the tower, %": 100 * max(0.0, 1 - tower / seconds),
    } | peak


def run_frozen(case: Case, device: torch.device, sizes: Sizes) -> dict[str, Any]:
    """The row of a training on stored features: the head alone works."""
    model = _frozen(case.backbone, device)
    forget_peak(device)
    seconds = training_seconds(model, case, steps=sizes.frozen_steps)
    return {"training episodes/s": 1 / seconds} | peaks(device)


def line(row: dict[str, Any]) -> str:
    """A row of either kind as text."""
    shown = f"{row['training episodes/s']:8.2f} episodes/s"
    if "utilisation, %" in row:
        shown += f"  {row['utilisation, %']:5.1f} % utilised"
        shown += f"  {row['outside the tower, %']:5.1f} % outside the tower"
    memory, reserved = row["peak memory, GB"], row["peak reserved, GB"]
    return shown if memory is None else f"{shown}  {memory:6.1f} GB, {reserved:6.1f} reserved"


def forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peaks(device: torch.device) -> dict[str, float | None]:
    """The most memory since `forget_peak`; None on a CPU. Tensors took the first figure; torch had
    reserved the second, a recording's own memory included, where its tensors no longer count."""
    if device.type != "cuda":
        return dict.fromkeys(("peak memory, GB", "peak reserved, GB"))
    allocated = torch.cuda.max_memory_allocated(device)
    reserved = torch.cuda.max_memory_reserved(device)
    return {"peak memory, GB": allocated / 1e9, "peak reserved, GB": reserved / 1e9}


@cache
def _counted(backbone: str | None, episode: Episode) -> Cost:
    return cost(lambda: build(backbone), episode)


@cache
def _frozen(backbone: str | None, device: torch.device) -> Any:
    """Built once: a training on stored features leaves the tower as it is."""
    return place(build(backbone, precision="bfloat16", frozen=True), device)
