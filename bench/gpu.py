"""Benchmarks training and evaluation on a GPU: `python -m bench.gpu`, 8 minutes at most on an A100.

Needs only spm/: random weights, random pixels, no data set. 5-way, 4 queries a class, T = 8. For
both backbones, 1-shot and 5-shot, the training loop gives episodes/s, the share of the GPU's
measured bf16 matrix rate (without recomputed operations), the share of time outside the visual
tower, and peak memory; then the time of 10,000 evaluation episodes on encoded clips. Also writes
data/bench/gpu.json. `--toy` tests this file on any device.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import torch

from bench.counted import Cost, cost
from bench.episode import Episode
from bench.gpu_case import (
    TOY,
    Case,
    Sizes,
    evaluation_seconds,
    seconds_of,
    tower_seconds,
    training_seconds,
)
from bench.models import BACKBONES, build
from spm.base import command
from spm.episodes.device import pick_device, place
from spm.model.activation_checkpointing import checkpoint_activations

JSON = Path("data/bench/gpu.json")


def cases(*, toy: bool) -> Iterator[Case]:
    """1-shot and 5-shot; also 1-shot with four episodes together, and 5-shot with checkpointing."""
    if toy:
        one = Case("builtin-clip", None, shot=1)
        yield from (one, replace(one, together=4))
        return
    for name, backbone in BACKBONES.items():
        one, five = (Case(name, backbone, shot) for shot in (1, 5))
        yield from (one, replace(one, together=4), five, replace(five, checkpointing=True))


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    device, sizes = pick_device("auto"), TOY if options.toy else Sizes()
    rate = matrix_rate(device, sizes)
    machine = _machine(device) | {"bf16 matrices, TFLOP/s": rate / 1e12}
    print(" · ".join(f"{key}: {value}" for key, value in machine.items()), flush=True)
    rows = []
    for case in cases(toy=options.toy):
        rows.append(run(case, device, sizes, rate=rate, compile=options.compile))
        print(row(rows[-1]), flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(
        json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )


def run(
    case: Case, device: torch.device, sizes: Sizes, *, rate: float, compile: bool
) -> dict[str, Any]:
    """A row of the table; without numbers if the device has too little memory."""
    what = {
        "backbone": case.name,
        "shot": case.shot,
        "together": case.together,
        "checkpointing": case.checkpointing,
        "compiled": compile,
    }
    try:
        return what | _measured(case, device, sizes, rate=rate, compile=compile)
    except torch.OutOfMemoryError:
        return what | {"out of memory": True}
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()


def row(values: dict[str, Any]) -> str:
    case = f"{values['backbone']:<9} {values['shot']}-shot  {values['together']} together  "
    case += "recomputed  " if values["checkpointing"] else "            "
    if "out of memory" in values:
        return case + "out of memory"
    memory = values["peak memory, GB"]
    return case + "  ".join(
        [
            f"{values['training episodes/s']:8.2f} episodes/s",
            f"{values['utilisation, %']:5.1f} % utilised",
            f"{values['outside the tower, %']:5.1f} % outside the tower",
            "  -   GB" if memory is None else f"{memory:6.1f} GB",
            f"10,000 evaluated in {values['seconds for 10,000 evaluation episodes']:7.1f} s",
        ]
    )


def matrix_rate(device: torch.device, sizes: Sizes) -> float:
    """The measured FLOP/s of bf16 matrix products on this device."""
    a, b = (torch.randn(sizes.matrix, sizes.matrix, device=device).bfloat16() for _ in range(2))
    seconds = seconds_of(lambda: a @ b, device, repeats=20)
    return 2 * sizes.matrix**3 / seconds


def _measured(
    case: Case, device: torch.device, sizes: Sizes, *, rate: float, compile: bool
) -> dict[str, Any]:
    counted = _counted(case.backbone, case.episode)
    model = place(build(case.backbone, precision="bfloat16"), device)
    if case.checkpointing:
        checkpoint_activations(model.backbone.visual)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = training_seconds(model, case, sizes, compile=compile)
    peak = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else None
    tower = tower_seconds(model, case, device)
    evaluation = evaluation_seconds(
        model, shot=case.shot, episodes=sizes.evaluated, batch=sizes.evaluation_batch
    )
    return {
        "training episodes/s": 1 / seconds,
        "TFLOP an episode": counted.flops / 1e12,
        "utilisation, %": 100 * counted.flops / seconds / rate,
        "outside the tower, %": 100 * max(0.0, 1 - tower / seconds),
        "peak memory, GB": peak,
        "seconds for 10,000 evaluation episodes": evaluation * 10_000 / sizes.evaluated,
        "evaluation episodes measured": sizes.evaluated,
    }


@cache
def _counted(backbone: str | None, episode: Episode) -> Cost:
    return cost(lambda: build(backbone), episode)


def _machine(device: torch.device) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return {"device": name, "torch": torch.__version__, "date": str(date.today())}


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--compile", action="store_true", help="train.compile: true")
    parser.add_argument("--toy", action="store_true", help="the small tower, a few episodes")
    parser.add_argument("--json", type=Path, default=JSON)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    command.run(main)
