"""`python -m bench.kills` finds what it looks for, and nothing where all is right."""

import sys
from collections import Counter
from dataclasses import replace

import pytest

from bench import kill_rounds, kills
from bench.kill_rounds import JOBS, Campaign, Job, Kill, Outcome, Round, draw
from bench.small_project import SmallProject
from tests.import_closure import ROOT

BEGINS = """
import os, subprocess, sys, time
from pathlib import Path
out, begun = Path("data/toy.txt"), Path(".state/begun")
before = begun.exists()
"""
ENDS = """
begun.parent.mkdir(exist_ok=True)
begun.touch()
time.sleep(0.3)
Path("data/.new").write_text("all of it")
os.replace("data/.new", out)
"""
CHILD = 'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])\n'
ORPHAN = """
import time
from pathlib import Path
Path("busy").touch()
time.sleep(2)
Path("busy").unlink()
"""
FAULTS = {
    "": None,
    "out.write_text('half')\n": "half-written: data/toy.txt",
    CHILD: "left running: ",
    "before and sys.exit('lost')\n": "fails without a kill: ['lost']",
    "before and (out.write_text('other'), sys.exit())\n": "data/toy.txt is other than without",
    "before and sys.exit(0)\n": "data/toy.txt is missing",
}


def campaign(folder, *, script: str) -> tuple[Campaign, Job]:
    """Of one stage, which is the script."""
    reference = folder / "reference"
    (reference / "data").mkdir(parents=True)
    (reference / "params.yaml").write_text("runtime: {}\n")
    (reference / "dvc.yaml").write_text("stages: {toy: {outs: [data/toy.txt]}}\n")
    (reference / "dvc.lock").write_text("schema: '2.0'\n")
    (reference / "toy.py").write_text(script)
    job = Job("toy", (sys.executable, "toy.py"), stage="toy")
    return Campaign(folder, reference=SmallProject(reference)), job


@pytest.mark.parametrize(("begin", "fault"), FAULTS.items())
def test_a_fault_is_found(tmp_path, monkeypatch, begin, fault):
    monkeypatch.setattr(kill_rounds, "_END_SECONDS", 0.5)
    rounds, job = campaign(tmp_path, script=BEGINS + begin + ENDS)
    outcome = rounds.play(Round(0, job, "first", (Kill(1, 0, 0),)))
    assert outcome.hits == 1
    assert outcome.faults == [] if fault is None else fault in outcome.faults[0]
    assert (tmp_path / "round-0").exists() == bool(fault)


def test_a_run_that_hangs_is_ended_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(kill_rounds, "_limit", lambda whole: 2)
    rounds, job = campaign(tmp_path, script=BEGINS + "before and time.sleep(600)\n" + ENDS)
    outcome = rounds.play(Round(0, job, "all", (Kill(1, 0, 0),)))
    assert outcome.faults[0] == "hangs: it has not ended in 2 s"


def test_a_stage_that_still_runs_is_waited_for(tmp_path):
    """What a killed run left alive is refused a second of its kind, and ends by itself."""
    child = f'before or subprocess.Popen([sys.executable, "-c", {ORPHAN!r}])\n'
    refuses = "Path('busy').exists() and sys.exit('error: it already runs, in process 1: wait')\n"
    rounds, job = campaign(tmp_path, script=BEGINS + child + refuses + ENDS)
    outcome = rounds.play(Round(0, job, "first", (Kill(1, 0, 0),)))
    assert (outcome.hits, outcome.faults) == (1, [])


def test_a_round_is_the_same_for_the_same_seed_and_number():
    rounds = [draw(number, seed=3) for number in range(400)]
    assert rounds == [draw(number, seed=3) for number in range(400)]
    assert rounds != [draw(number, seed=4) for number in range(400)]
    assert {each.job.name for each in rounds} == {job.name for job in JOBS}
    assert {each.target for each in rounds} == {"all", "first", "descendant"}
    assert {len(each.kills) for each in rounds} == {1, 2, 3}
    assert all(each.target in each.job.targets for each in rounds)


def test_a_line_and_the_table():
    job = Job("frames", ())
    round_ = Round(7, job, "all", (Kill(0, 0.5, 0.5),) * 2)
    said = kills.line(round_, Outcome(hits=1, faults=["hangs", "lost"], seconds=3.2)).split("  ")
    assert [part.strip() for part in said if part] == [
        "7", "frames", "all", "1 of 2 kills", "3 s", "hangs; lost"
    ]  # fmt: skip
    sums = {("frames", "all", kills): Counter(rounds=2, faults=1) for kills in ("1", "2")}
    sums["clips", "first", "2"] = Counter(rounds=1, faults=0)
    assert kills.table(sums).splitlines()[2:] == [
        "| clips | first | 0 | 0 | 1 | 0 | 0 |",
        "| frames | all | 0 | 2 | 2 | 0 | 2 |",
        "| all |  | 0 | 2 | 3 | 0 | 2 |",
    ]


def test_sums_are_added_to_a_file_and_read_again(tmp_path):
    sums = {("frames", "all", "1"): Counter(rounds=2, faults=1)}
    path = tmp_path / "kills.csv"
    kills.append(path, sums, seed=7, first=0, last=1)
    kills.append(path, sums, seed=8, first=0, last=1)
    assert path.read_text().splitlines()[1] == "7,0,1,frames,all,1,2,1"
    assert kills.read(path) == {("frames", "all", "1"): Counter(rounds=4, faults=2)}


def test_the_documented_table_is_that_of_the_sums():
    table = kills.table(kills.read(ROOT / "docs/kills.csv"))
    assert table in (ROOT / "docs/reliability.md").read_text(encoding="utf-8")


SHARES = {"clips": 3, "inventory": 2, "manifest": 2, "frames": 1}  # where a round takes seconds


@pytest.mark.slow
def test_thirty_rounds(tmp_path, finished_project):
    """end_to_end/test_kill.py has the longer ones: trainings."""
    jobs = [replace(job, share=SHARES[job.name]) for job in JOBS if job.name in SHARES]
    rounds = Campaign(tmp_path, reference=finished_project)
    outcomes = {}
    for number in range(30):
        round_ = draw(number, seed=0, jobs=jobs)
        outcomes[number] = rounds.play(round_)
        print(kills.line(round_, outcomes[number]))
    assert not [outcome.faults for outcome in outcomes.values() if outcome.faults]
    assert sum(outcome.hits for outcome in outcomes.values()) > 20
