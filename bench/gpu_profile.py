"""Rows of bench.gpu on where the time of a training step goes, by torch.profiler.

5-way 1-shot, each episode alone in its forward pass, and not recorded: torch tells of a CUDA
graph's kernels no operation. The operations of an optimizer step, and of
the head alone, are listed with the time of the kernels that they started, the longest first. Where
a part's kernels take less than the part, the GPU waits for the CPU to start them.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from bench.episode import head_loss
from bench.gpu_case import STEP, Case, Sizes, seconds_of, train_steps, training_seconds, wait
from bench.gpu_training import towers
from bench.models import WAY, build, features
from spm.episodes.device import place
from spm.model.model import FewShotModel

TOP = 15


def cases(*, toy: bool) -> Iterator[Case]:
    for name, backbone in towers(toy=toy).items():
        yield Case(name, backbone, shot=1)


def run(case: Case, device: torch.device, sizes: Sizes) -> dict[str, Any]:
    """The step's and the head's milliseconds an episode, with and without the profiler."""
    model = place(build(case.backbone, precision="bfloat16"), device)
    step = training_seconds(model, case, steps=sizes.steps)
    head = _head(model, case, device)
    head_seconds = seconds_of(head, device, repeats=10)
    return {
        "step": _shares(_profiled_step(model, case), device, episodes=STEP, seconds=step),
        "head": _shares(_profiled(head, device), device, episodes=1, seconds=head_seconds),
    }


def line(row: dict[str, Any]) -> str:
    """The parts, a line and a table each."""
    return "".join(f"\n  {part}: {_table(row[part])}" for part in ("step", "head"))


def _table(part: dict[str, Any]) -> str:
    head = f"{part['milliseconds']:.1f} ms an episode, kernels {part['kernels, milliseconds']:.1f} "
    head += f"ms in {part['kernels']:.0f}\n"
    return head + "\n".join(
        f"    {each['milliseconds']:8.2f} ms {each['share, %']:5.1f} % {each['calls']:7.0f} ×  "
        f"{each['operation']}"
        for each in part["longest"]
    )


def _head(model: FewShotModel, case: Case, device: torch.device) -> Callable[[], None]:
    """Losses and their backward pass, of features."""
    episode = case.episode.pixels(1).to(device)
    given = features(case.episode.clips, channels=model.channels).to(device).requires_grad_()
    text = torch.randn(WAY, model.channels, device=device)
    model.train()
    return lambda: head_loss(model, given, episode, text).backward()


def _profiled_step(model: FewShotModel, case: Case) -> profile:
    """The second optimizer step of a training."""
    device = next(model.parameters()).device
    profiler, steps = _profiler(device), iter((profile.start, profile.stop))
    train_steps(model, case, steps=1, after_step=lambda: next(steps)(profiler))
    return profiler


def _profiled(call: Callable[[], None], device: torch.device) -> profile:
    with _profiler(device) as profiler:
        call()
        wait(device)
    return profiler


def _profiler(device: torch.device) -> profile:
    on_gpu = [ProfilerActivity.CUDA] if device.type == "cuda" else []
    return profile(activities=[ProfilerActivity.CPU, *on_gpu])


def _shares(
    profiled: profile, device: torch.device, *, episodes: int, seconds: float
) -> dict[str, Any]:
    """seconds: of an episode, measured without the profiler."""
    events = [each for each in profiled.key_averages() if not each.is_user_annotation]
    kernels = [each for each in events if each.device_type == _of(device)]
    operations = [each for each in events if each.device_type == DeviceType.CPU]
    whole = sum(_microseconds(each, device) for each in kernels)
    longest = sorted(operations, key=lambda each: -_microseconds(each, device))[:TOP]
    return {
        "milliseconds": 1e3 * seconds,
        "kernels, milliseconds": whole / 1e3 / episodes,
        "kernels": sum(each.count for each in kernels) / episodes,
        "longest": [
            {
                "operation": each.key,
                "milliseconds": _microseconds(each, device) / 1e3 / episodes,
                "share, %": 100 * _microseconds(each, device) / whole,
                "calls": each.count / episodes,
            }
            for each in longest
        ],
    }


def _of(device: torch.device) -> DeviceType:
    return DeviceType.CUDA if device.type == "cuda" else DeviceType.CPU


def _microseconds(event: Any, device: torch.device) -> float:
    """Of a kernel; of the kernels that an operation, but none inside it, started."""
    took = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
    return float(took)
