"""Benchmarks training and evaluation on a GPU: `python -m bench.gpu`, 8 minutes at most on an A100.

python -m bench.gpu --part heads --part frozen    only these parts

training  episodes/s of both backbones at 224 pixels in bfloat16, share of the GPU's measured bf16
          matrix rate, share of time outside the visual tower, peak memory
frozen    training on stored features of a frozen tower
heads     evaluation of encoded clips, of every method that takes frame features
loading   training that reads from a store, against pixels in memory
profile   the longest operations of a training step
recorded  training and frozen with the method's part as a CUDA graph; last, since a recording that
          fails spoils the process

Needs only spm/: random weights, random pixels, no data set. 5-way, 4 queries a class, T = 8. Rows
are printed, and written to data/bench/gpu.json, as they come. `--toy` tests this file on any
device.
"""

import argparse
import json
import traceback
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from bench import gpu_heads, gpu_loading, gpu_profile, gpu_training
from bench.gpu_case import TOY, Sizes, seconds_of
from spm.base import command
from spm.episodes.device import pick_device

JSON = Path("data/bench/gpu.json")
PARTS = ("training", "frozen", "heads", "loading", "profile", "recorded")

Row = dict[str, Any]


class Job(NamedTuple):
    """A row to measure."""

    about: Row
    run: Callable[[], Row]
    line: Callable[[Row], str]


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 if a row could not be measured."""
    options = _options(arguments)
    device, sizes = pick_device("auto"), TOY if options.toy else Sizes()
    rate = matrix_rate(device, sizes)
    machine = _machine(device) | {"bf16 matrices, TFLOP/s": rate / 1e12}
    print(" · ".join(f"{key}: {value}" for key, value in machine.items()), flush=True)
    rows = []
    for part in options.part or PARTS:
        for job in _jobs(part, options, device=device, sizes=sizes, rate=rate):
            rows.append({"part": part} | measured(job, device))
            print(shown(job, rows[-1]), flush=True)
            _write(options.json, {"machine": machine, "rows": rows})
    return int(any("failed" in row for row in rows))


def measured(job: Job, device: torch.device) -> Row:
    """The job's row. A row that fails says why, and the rows after it are measured all the same:
    the time on a GPU may be lent."""
    try:
        return job.about | job.run()
    except torch.OutOfMemoryError:
        return job.about | {"out of memory": True}
    except Exception as error:
        traceback.print_exc()
        return job.about | {"failed": f"{type(error).__name__}: {error}"}
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()


def shown(job: Job, row: Row) -> str:
    """The row as text: `RN50 · 1-shot · 4 together      10.40 episodes/s …`."""
    about = " · ".join(filter(None, (_word(*item) for item in job.about.items())))
    if "failed" in row:
        return f"{about:<44} failed: {row['failed']}"
    return f"{about:<44} " + ("out of memory" if "out of memory" in row else job.line(row))


def matrix_rate(device: torch.device, sizes: Sizes) -> float:
    """The measured FLOP/s of bf16 matrix products on this device."""
    a, b = (torch.randn(sizes.matrix, sizes.matrix, device=device).bfloat16() for _ in range(2))
    seconds = seconds_of(lambda: a @ b, device, repeats=20)
    return 2 * sizes.matrix**3 / seconds


def _jobs(
    part: str, options: argparse.Namespace, *, device: torch.device, sizes: Sizes, rate: float
) -> Iterator[Job]:
    toy = options.toy
    recorded = part == "recorded"
    if recorded or part == "training":
        for case in gpu_training.cases(toy=toy, compiled=options.compile, recorded=recorded):
            run = partial(gpu_training.run, case, device, sizes, rate=rate)
            yield Job(case.about, run, gpu_training.line)
    if recorded or part == "frozen":
        for case in gpu_training.frozen_cases(toy=toy, recorded=recorded):
            run = partial(gpu_training.run_frozen, case, device, sizes)
            yield Job(case.about | {"frozen": True}, run, gpu_training.line)
    elif part == "heads":
        for head in gpu_heads.heads(toy=toy):
            yield Job(head.about, partial(gpu_heads.run, head, device, sizes), gpu_heads.line)
    elif part == "loading":
        for each in gpu_loading.readings(toy=toy):
            yield Job(each.about, partial(gpu_loading.run, each, device, sizes), gpu_loading.line)
    elif part == "profile":
        for case in gpu_profile.cases(toy=toy):
            yield Job(case.about, partial(gpu_profile.run, case, device, sizes), gpu_profile.line)


def _word(name: str, value: Any) -> str:
    """What a column says of the row; nothing where a switch is off."""
    if isinstance(value, bool):
        return name * value
    return str(value) if isinstance(value, str) else f"{value} {name}"


def _write(path: Path, found: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _machine(device: torch.device) -> Row:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return {"device": name, "torch": torch.__version__, "date": str(date.today())}


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--part", action="append", choices=PARTS, help="may be given twice")
    parser.add_argument("--compile", action="store_true", help="train with train.compile: true")
    parser.add_argument("--toy", action="store_true", help="the small tower, a few episodes")
    parser.add_argument("--json", type=Path, default=JSON)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    command.run(main)
