"""Kills runs at random moments, resumes them, and compares the results with unkilled runs.

    python -m bench.kills 100 --seed 7              a line for each round, a table at the end
    python -m bench.kills 1 --seed 7 --first 41     round 41 of that seed again
    python -m bench.kills 0 --sums docs/kills.csv   the table of the sums in the file

A round copies a small finished project without the outs of one stage (or of all stages), and runs
this stage (or `dvc repro`). It kills the run once or several times in a row, each time at another
moment: all processes of the run, only its first process, or one descendant. Then it runs the job
until it ends well. Outs and dvc.lock must equal those of an unkilled run, no process may be left,
and no file may ever have incomplete content under its final name. Exit status 1 if a round finds a
fault; the folder of the round is kept.
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
    """Returns the exit status: 0, or 1 if a round found a fault."""
    options = _options()
    sums: Sums = {}
    if options.rounds:
        _play(options, sums)
    elif options.sums:
        sums = read(options.sums)
    print(table(sums))
    return int(any(counts["faults"] for counts in sums.values()))


def _play(options: argparse.Namespace, sums: Sums) -> None:
    """Runs the rounds, and appends their sums to the file, also after an interrupt."""
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
    """A line about a round: `12  frames  all  2 kills  34 s  right`."""
    what = f"{round_.number:>5}  {round_.job.name:<20}  {round_.target:<10}"
    said = "; ".join(outcome.faults) or "right"
    return f"{what}  {outcome.hits} of {len(round_.kills)} kills  {outcome.seconds:4.0f} s  {said}"


def table(sums: Sums) -> str:
    """A Markdown table of rounds by number of kills that hit a process; totals in the last row."""
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
    """The sums over all rows of a file that `append` wrote."""
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
