"""Runs killed at random moments, resumed, and compared with runs that never were.

    python -m bench.kills 100 --seed 7              a line for each round, a table at the end
    python -m bench.kills 1 --seed 7 --first 41     round 41 of that seed again
    python -m bench.kills 0 --sums docs/kills.csv   the table of what the file holds

A round takes a copy of a small finished project without what one stage has written (or without all
that was written), and runs that stage (or `dvc repro`). It is killed once or several times in a
row, each time at another moment: all of its processes, the one that was started alone, or one of
the others. Then it is run until it ends well. Outs and dvc.lock must be those of a run that was not
killed, no process may be left, and no file may at any time be there half-written under its name.
Exit status 1 where something was otherwise; that round's folder is kept.
"""

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.kill_rounds import Campaign, Outcome, Round, draw
from spm.base import command

_KEYS = ("job", "target", "kills")
_FIELDS = ("seed", "first", "last", *_KEYS, "rounds", "faults")
_KILLS = ("0", "1", "2", "3")
Sums = dict[tuple[str, str, str], Counter[str]]


def main() -> int:
    """0; 1 where a round found a fault."""
    options = _options()
    sums: Sums = {}
    if options.rounds:
        _play(options, sums)
    elif options.sums:
        sums = read(options.sums)
    print(table(sums))
    return int(any(counts["faults"] for counts in sums.values()))


def _play(options: argparse.Namespace, sums: Sums) -> None:
    """An interrupt ends the piece with the rounds that were played: they go into the file too."""
    campaign = Campaign.prepared(Path(tempfile.mkdtemp(prefix="kills-")))
    last = options.first - 1
    try:
        for number in range(options.first, options.first + options.rounds):
            round_ = draw(number, seed=options.seed)
            outcome = campaign.play(round_)
            print(line(round_, outcome), flush=True)
            key = (round_.job.name, round_.target, str(outcome.hits))
            sums.setdefault(key, Counter()).update(rounds=1, faults=bool(outcome.faults))
            last = number
    except KeyboardInterrupt:
        print(f"interrupted after round {last}")
    campaign.close()
    if options.sums:
        append(options.sums, sums, seed=options.seed, first=options.first, last=last)


def line(round_: Round, outcome: Outcome) -> str:
    """`12  frames  all  2 kills  34 s  right`."""
    what = f"{round_.number:>5}  {round_.job.name:<20}  {round_.target:<10}"
    said = "; ".join(outcome.faults) or "right"
    return f"{what}  {outcome.hits} of {len(round_.kills)} kills  {outcome.seconds:4.0f} s  {said}"


def table(sums: Sums) -> str:
    """In Markdown: rounds by the number of kills that met a process, totals in the last row."""
    rows: dict[tuple[str, str], Counter[str]] = {}
    for (job, target, kills), counts in sorted(sums.items()):
        row = {kills: counts["rounds"], "faults": counts["faults"]}
        for key in ((job, target), ("all", "")):
            rows.setdefault(key, Counter()).update(row)
    rows["all", ""] = rows.pop(("all", ""), Counter())
    head = _row(("run", "killed", *(f"{number}×" for number in _KILLS), "faults"))
    cells = ([*key, *(str(row[name]) for name in (*_KILLS, "faults"))] for key, row in rows.items())
    return "\n".join([head, _row(["---"] * 2 + ["---:"] * 5), *map(_row, cells)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def append(path: Path, sums: Sums, *, seed: int, first: int, last: int) -> None:
    """Adds a row for each of `sums` to a CSV file."""
    is_new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(_FIELDS)
        for key, counts in sorted(sums.items()):
            writer.writerow((seed, first, last, *key, counts["rounds"], counts["faults"]))


def read(path: Path) -> Sums:
    """All rows of such a file, summed up."""
    sums: Sums = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            counts = sums.setdefault((row["job"], row["target"], row["kills"]), Counter())
            counts.update(rounds=int(row["rounds"]), faults=int(row["faults"]))
    return sums


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.kills",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rounds", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    parser.add_argument("--sums", type=Path, help="CSV file to which the sums are appended")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
