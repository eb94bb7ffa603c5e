"""Tests which readers return the right frames, and how fast: python -m bench.readers [--json PATH]

Prints three Markdown tables: kinds of clips × readers; damage that each reader notices; clips a
second against baseline readers. Takes four minutes on one core. Also writes
data/bench/readers.json.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.bare_readers import READERS
from bench.noticed_damage import damage_table
from bench.reader_speed import speeds
from bench.right_frames import outcomes
from bench.timing import Line
from spm.base import command

JSON = Path("data/bench/readers.json")
_TARGET = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.readers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", type=Path, default=JSON)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        right = list(outcomes(Path(folder)))
        print(table(right) + "\n", flush=True)
        noticed = damage_table(Path(folder))
        print(table(noticed) + "\n", flush=True)
        fast = list(speeds(Path(folder), rounds=options.rounds))
        print(table([_in_words(row) for row in fast]))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(
        json.dumps({"right": right, "damage": noticed, "speed": fast}, indent=1) + "\n",
        encoding="utf-8",
    )


def lines() -> Iterator[Line]:
    """Lines for `python -m bench`."""
    with tempfile.TemporaryDirectory() as folder:
        for row in speeds(Path(folder), rounds=3):
            yield Line(
                f"{row['frames']} frames of {row['file']}, resized (CPU)",
                f"{row['fastest']}, the fastest that is right",
                row["auto"],
                row[row["fastest"]],
                _TARGET,
            )


def table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table with a column for each key of the first row."""
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
    lines += ["| " + " | ".join(str(row[column]) for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def _in_words(row: dict[str, Any]) -> dict[str, Any]:
    """A row as text: clips a second and core, shares of `auto`'s time. "wrong": wrong frames."""
    bare = {name: row.get(name) for name in READERS}
    return {
        "file": row["file"],
        "frames": row["frames"],
        "`auto`": f"{1 / row['auto']:.1f}",
        **{name: f"{1 / seconds:.1f}" if seconds else "wrong" for name, seconds in bare.items()},
        "`auto` / fastest": f"{row['ratio']:.2f}",
        "resizing": f"{row['resize'] / row['auto']:.0%}",
        "opening": f"{row['open'] / row['auto']:.0%}",
    }


if __name__ == "__main__":
    command.run(main)
