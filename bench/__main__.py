"""`make bench`: a table of all measurements that have a reference.

python -m bench otam readers …    only the named parts: see PARTS

Ratios of medians of interleaved runs, one thread; the same as JSON in data/bench/bench.json.
Exit status 1 where a line misses its target.
"""

import argparse
import importlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from bench.timing import Line
from spm.base import command

JSON = Path("data/bench/bench.json")
PARTS = ("otam", "readers", "workers", "episodes", "evaluation", "frozen", "finding", "startup")


def main() -> int:
    """Returns the exit status: 0, or 1 if a line misses its target."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("parts", nargs="*", default="all", choices=[*PARTS, "all"])
    asked = parser.parse_args().parts
    parts = PARTS if "all" in asked else asked
    torch.set_num_threads(1)
    lines = []
    for part in parts:
        for line in importlib.import_module(f"bench.{part}").lines():
            lines.append(line)
            print(row(line), flush=True)
    JSON.parent.mkdir(parents=True, exist_ok=True)
    JSON.write_text(as_json(lines) + "\n", encoding="utf-8")
    missed = [line for line in lines if is_missed(line)]
    print(f"\n{len(lines) - len(missed)} of {len(lines)} at their targets; {JSON}")
    return int(bool(missed))


def row(line: Line) -> str:
    """A row of the table: name, speed ratio, target, seconds of ours and of the reference."""
    target = "" if line.target is None else f"target {line.target:g}"
    mark = "missed" if is_missed(line) else ""
    return (
        f"{line.what:<62} {line.ratio:>8.2f}×  {target:<11} {mark:<6}  "
        f"{line.ours:.4g} s against {line.theirs:.4g} s ({line.reference})"
    )


def is_missed(line: Line) -> bool:
    return line.target is not None and line.ratio < line.target


def as_json(lines: Sequence[Line]) -> str:
    rows = [asdict(line) | {"ratio": line.ratio, "missed": is_missed(line)} for line in lines]
    return json.dumps(rows, indent=1)


if __name__ == "__main__":
    command.run(main)
