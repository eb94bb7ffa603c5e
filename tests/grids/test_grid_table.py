"""The table against numbers worked out by hand."""

import math
import shlex
from dataclasses import replace

import numpy as np
import pytest

from pipeline.grids.grid import Grid, PaperColumns, Row
from pipeline.grids.grid_figure import write_figure
from pipeline.grids.grid_table import markdown, paired_difference, summarize, table
from pipeline.grids.point_records import Measured

PAPER = PaperColumns(table="Table 9", columns=["HMDB51", "SSv2"])


def hashes(**changes: str) -> dict[str, str]:
    return {"data": "d", "episodes": "e"} | changes


def measured(accuracies: list[float], **results) -> Measured:
    about = {"dataset": "motion", "backbone": "builtin-clip", "way": 5, "query": 4, "episodes": 4}
    about |= {"text": "untrained", "protocol": "transductive: …", "hashes": hashes()}
    return Measured(about | results, np.array(accuracies, dtype=float))


def grid(*, paper: PaperColumns | None = PAPER) -> Grid:
    rows = {
        "full": Row("full", {}, "full", [77.4, 50.8]),
        "none": Row("none", {}, "full", [64.5, None]),
    }
    return Grid("mine", "mine", "A grid", [0, 1], rows, paper)


RESULTS = {
    ("full", 0): measured([80, 60, 100, 80]),  # 80
    ("full", 1): measured([60, 60, 80, 80]),  # 70
    ("none", 0): measured([70, 60, 80, 70]),  # 70
    ("none", 1): measured([60, 50, 60, 70]),  # 60
}


def test_means_spread_and_the_paired_interval():
    full, none = summarize(grid(), RESULTS)
    assert (full.accuracy, none.accuracy) == (75, 65)
    assert full.spread == pytest.approx(math.sqrt(50))  # 80 and 70, n - 1
    assert full.difference is None
    # by episode: seed 0 -10 0 -20 -10, seed 1 0 -10 -20 -10; mean -5 -5 -20 -10
    assert none.difference.mean == -10
    assert none.difference.by_seed == [-10, -10]
    variance = (25 + 25 + 100 + 0) / 3
    assert none.difference.ci95 == pytest.approx(1.96 * math.sqrt(variance / 4))


def test_pairing_takes_out_what_episodes_have_in_common():
    base = np.random.default_rng(0).normal(60, 20, 500)
    difference = paired_difference([base + 3], [base])
    assert difference.mean == pytest.approx(3)
    assert difference.ci95 < 1e-10


def test_a_difference_is_over_the_seeds_that_both_have():
    results = {place: each for place, each in RESULTS.items() if place != ("full", 1)}
    _, none = summarize(grid(), results)
    assert none.accuracy == 65
    assert none.difference.by_seed == [-10]
    _, missing = summarize(grid(), {("none", 0): RESULTS["none", 0]})
    assert missing.difference is None


def test_the_same_episodes_are_compared_however_their_frames_are_stored():
    jpeg = {("none", s): measured([1] * 4, hashes=hashes(data="as JPEG")) for s in (0, 1)}
    assert summarize(grid(), RESULTS | jpeg)[1].difference.by_seed == [-79, -69]


def test_other_episodes_are_not_compared():
    others = {("none", s): measured([1] * 4, hashes=hashes(episodes="others")) for s in (0, 1)}
    assert summarize(grid(), RESULTS | others)[1].difference is None


def test_inductive_accuracy_is_averaged_where_all_seeds_have_it():
    results = {
        place: measured(list(each.accuracies), inductive={"accuracy": 50.0 + place[1], "ci95": 1})
        for place, each in RESULTS.items()
    }
    assert summarize(grid(), results)[0].inductive == 50.5
    assert summarize(grid(), RESULTS | {("full", 0): results["full", 0]})[0].inductive is None
    assert "| inductive |" in markdown(grid(), summarize(grid(), results), results=results)


def test_text_at_test_is_averaged_and_explained_where_it_was_measured():
    def with_text(seed):
        zero = {"difference": -1.0 - seed, "difference_ci95": 0.5 + seed}
        return {"text_controls": {"zero": zero, "episodes": 4}, "text_control": "none"}

    results = {
        ("full", 0): measured([80, 60, 100, 80], **with_text(0)),
        ("full", 1): measured([60, 60, 80, 80], **with_text(1)),
        ("none", 0): measured([70, 60, 80, 70], text_controls=None, text_control="zero"),
        ("none", 1): measured([60, 50, 60, 70], text_controls=None, text_control="zero"),
    }
    full, none = summarize(grid(), results)
    assert (full.text_worth, none.text_worth) == ((1.5, 1.0), None)
    page = markdown(grid(), [full, none], results=results)
    head, _, first, second = [line.split("|") for line in page.splitlines()[2:6]]
    place = [cell.strip() for cell in head].index("text at test")
    assert (first[place].strip(), second[place].strip()) == ("+1.50 ± 1.00", "-")
    assert "with its own class texts above the same model with all-zero text" in page
    assert "text: untrained\n" in page
    assert "text: untrained; control: all-zero, in training and at test\n" in page
    columns = table(grid(), [full, none])
    assert columns["text_worth"].to_pylist() == [1.5, None]
    assert columns["text_worth_ci95"].to_pylist() == [1.0, None]
    assert "text at test" not in markdown(grid(), summarize(grid(), RESULTS), results=RESULTS)


def test_the_page_holds_the_numbers_the_papers_and_what_the_interval_is():
    page = markdown(grid(), summarize(grid(), RESULTS), results=RESULTS)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()[2:6]]
    assert rows[0][-2:] == ["paper: HMDB51", "paper: SSv2"]
    assert rows[2] == ["full", "75.00", "7.07", "baseline", "-", "77.4", "50.8"]
    assert rows[3] == [
        *["none", "65.00", "7.07", "-10.00 ± 6.93", "-10.00 … -10.00"],
        *["64.5 (-12.9)", "-"],
    ]
    assert "Table 9" in page
    assert "`python -m pipeline.experiments mine`" in page
    assert "does not cover" in page


@pytest.mark.parametrize("given", ["my grids/x.yaml", "it's.yaml", "a$b.yaml"])
def test_the_command_can_be_pasted(given):
    page = markdown(replace(grid(), given=given), summarize(grid(), RESULTS), results=RESULTS)
    command = page.strip().splitlines()[-1].strip("`")
    assert shlex.split(command) == ["python", "-m", "pipeline.experiments", given]


def test_rows_that_are_compared_with_nothing_show_no_differences():
    said = {"benchmark": "ucf101", "variant": "arn", "says": "all of it"}
    said |= {"splits": {"test": {"published": 2745, "usable": 2745, "share": 1.0}}}
    alone = [Row(name, {}, name, [96.2, None]) for name in ("UCF101 1-shot", "motion 1-shot")]
    main = Grid("main", "main", "Main", [0], {row.name: row for row in alone}, PAPER)
    results = {
        ("UCF101 1-shot", 0): measured([90, 92], dataset="ucf101", coverage=said),
        ("motion 1-shot", 0): measured([80, 82]),
    }
    page = markdown(main, summarize(main, results), results=results)
    assert page.splitlines()[2].split() == [
        *["|", "|", "accuracy", "|", "spread", "|", "paper:", "HMDB51", "|", "paper:", "SSv2", "|"]
    ]
    assert "ucf101 · builtin-clip · 5-way" in page
    assert "motion · builtin-clip · 5-way" in page
    assert "- ucf101, arn: all of it; test clips: 2,745 of the published 2,745 (100.0 %)" in page
    assert "Interval" not in page
    assert "baseline" not in page


def test_what_is_missing_is_said():
    results = {("full", 0): RESULTS["full", 0]}
    page = markdown(grid(), summarize(grid(), results), results=results)
    assert "80.00 (1 of 2 seeds)" in page
    assert "not measured" in page
    assert "not measured" in markdown(grid(), summarize(grid(), {}), results={})


def test_the_table_keeps_full_precision():
    rows = table(grid(), summarize(grid(), RESULTS)).to_pylist()
    assert rows[1]["difference"] == -10
    assert rows[1]["seeds"] == [0, 1]
    assert rows[1]["paper: HMDB51"] == 64.5
    assert rows[0]["difference"] is None


@pytest.mark.parametrize("results", [RESULTS, {}])
def test_the_picture_is_written(tmp_path, results):
    for paper in (PAPER, None):
        drawn = grid(paper=paper)
        write_figure(tmp_path / "a.png", grid=drawn, summaries=summarize(drawn, results))
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
