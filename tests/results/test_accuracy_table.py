"""The table that a run ends with."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spm.base.errors import DataError
from spm.config.model import method_config
from spm.results.accuracy_table import KEYS, accuracy_table, table

COVERAGE = {
    "benchmark": None,
    "line": "",
    "splits": {"test": {"usable": 286, "line": "test clips: 286 of the 288 found (99.3 %)"}},
}


def confidence(*, before: float, after: float, temperature: float | None) -> dict[str, Any]:
    return {
        "calibration": "not calibrated, since so" if temperature is None else "calibrated on so",
        "temperature": temperature,
        "before": {"ece": before},
        "after": {"ece": after},
    }


CONFIDENCE = {
    "model": confidence(before=6.34, after=2.07, temperature=1.8304),
    "inductive": confidence(before=4.0, after=3.0, temperature=0.01234),
}


def results(**changes: Any) -> dict[str, Any]:
    baseline = {"mean_pooled_cosine": {"accuracy": 61.4, "ci95": 0.2}}
    shot = {"accuracy": 93.123, "ci95": 0.114, "paper": None, "baselines": baseline}
    shot["inductive"] = {"accuracy": 91.8, "ci95": 0.12, "episodes": 2000}
    shot["text_controls"], shot["confidence"], shot["unknown"] = None, None, None
    return {
        "dataset": "motion",
        "method": "clip_spm",
        "title": "CLIP-SPM",
        "backbone": "builtin-clip",
        "start": "random weights",
        "episodes": 10000,
        "way": 5,
        "query": 4,
        "selection": "validation",
        "protocol": "transductive: so and so",
        "transductive": True,
        "text": "untrained",
        "text_control": "none",
        "text_controls": shot["text_controls"],
        "coverage": COVERAGE,
        "inductive": shot["inductive"],
        "confidence": shot["confidence"],
        "unknown": shot["unknown"],
        "shots": {"1": shot, "5": shot | {"paper": 66.2, "accuracy": 100.0, "inductive": None}},
    } | changes


def test_it_shows_every_shot_with_baselines_and_the_papers_number() -> None:
    assert accuracy_table(results()) == (
        "motion · builtin-clip · 10000 episodes, 4 queries per class · test split, selected on "
        "validation\n"
        "\n"
        "  way  shot  classifier            accuracy    95 %  paper\n"
        "    5     1  CLIP-SPM                 93.12   ±0.11      -\n"
        "    5     1  CLIP-SPM, inductive      91.80   ±0.12      -\n"
        "    5     1  mean-pooled cosine       61.40   ±0.20      -\n"
        "    5     5  CLIP-SPM                100.00   ±0.11   66.2\n"
        "    5     5  mean-pooled cosine       61.40   ±0.20      -\n"
        "\n"
        "transductive: so and so\n"
        "inductive: each query alone, over the first 2000 episodes\n"
        "started from: random weights\n"
        "text: untrained\n"
        "test clips: 286 of the 288 found (99.3 %)"
    )


def with_controls() -> dict[str, Any]:
    """Of one shot, with other texts than the classes' own."""
    found = results(text="trained")
    accuracies = {"zero": (92.7, -0.354), "mean": (93.3, 0.2), "permuted": (90.0, -3.0)}
    controls: dict[str, Any] = {
        name: {"accuracy": accuracy, "ci95": 0.25, "difference": points, "difference_ci95": 0.125}
        for name, (accuracy, points) in accuracies.items()
    }
    one_shot = found["shots"]["1"] | {"text_controls": controls | {"episodes": 2000}}
    return found | {"shots": {"1": one_shot}, "text_controls": one_shot["text_controls"]}


def test_it_shows_what_the_text_is_worth() -> None:
    assert accuracy_table(with_controls()) == (
        "motion · builtin-clip · 10000 episodes, 4 queries per class · test split, "
        "selected on validation\n"
        "\n"
        "  way  shot  classifier                       accuracy    95 %  paper\n"
        "    5     1  CLIP-SPM                            93.12   ±0.11      -\n"
        "    5     1  CLIP-SPM, inductive                 91.80   ±0.12      -\n"
        "    5     1  CLIP-SPM, zero text at test         92.70   ±0.25      -\n"
        "    5     1  CLIP-SPM, one mean text for all     93.30   ±0.25      -\n"
        "    5     1  CLIP-SPM, texts permuted            90.00   ±0.25      -\n"
        "    5     1  mean-pooled cosine                  61.40   ±0.20      -\n"
        "\n"
        "transductive: so and so\n"
        "inductive: each query alone, over the first 2000 episodes\n"
        "started from: random weights\n"
        "text: trained\n"
        "what the text is worth at test, in points, paired over the first 2000 episodes:\n"
        "  1-shot: +0.35 ± 0.12 over zero text, -0.20 ± 0.12 over one mean text, "
        "+3.00 ± 0.12 over permuted texts\n"
        "  (a model trained with all-zero text is another control: prompts.control: zero)\n"
        "test clips: 286 of the 288 found (99.3 %)"
    )


@pytest.mark.parametrize(
    ("control", "said"),
    [("zero", "all-zero"), ("mean", "one mean text for all"), ("permuted", "permuted among")],
)
def test_a_model_that_was_trained_under_a_control_is_said_to_be(control: str, said: str) -> None:
    table = accuracy_table(results(text_control=control))
    assert re.search(rf"^text: untrained; control: {said}.*, in training and at test$", table, re.M)
    assert "worth" not in table


def with_confidence(found: dict[str, Any], confidence: dict[str, Any]) -> dict[str, Any]:
    one_shot = found["shots"]["1"] | {"confidence": confidence}
    return found | {"shots": {"1": one_shot}, "confidence": confidence}


def test_it_says_how_far_confidence_is_from_accuracy_before_and_after() -> None:
    lines = accuracy_table(with_confidence(results(), CONFIDENCE)).splitlines()
    there = lines.index("inductive: each query alone, over the first 2000 episodes") + 1
    assert lines[there : there + 3] == [
        "confidence: off by 2.1 points on average (ECE), 6.3 before calibration (temperature 1.83)",
        "confidence, inductive: off by 3.0 points on average (ECE), 4.0 before calibration "
        "(temperature 0.0123)",
        "started from: random weights",
    ]


def test_of_several_shots_each_has_its_line_of_confidence() -> None:
    found = results()
    for summary in found["shots"].values():
        summary["confidence"] = {"model": CONFIDENCE["model"]}
    table = accuracy_table(found)
    assert "\nconfidence, 1-shot: off by 2.1 points" in table
    assert "\nconfidence, 5-shot: off by 2.1 points" in table


def test_the_confidence_of_a_model_that_is_not_calibrated_says_why() -> None:
    as_it_is = confidence(before=6.34, after=6.34, temperature=None)
    table = accuracy_table(with_confidence(results(), {"model": as_it_is}))
    said = "\nconfidence: off by 6.3 points on average (ECE), not calibrated, since so\n"
    assert said in table


def test_a_method_that_is_not_transductive_has_one_confidence() -> None:
    table = accuracy_table(with_confidence(results(transductive=False), CONFIDENCE))
    assert table.count("\nconfidence") == 1


@pytest.mark.parametrize("title", ["CLIP-SPM", "a method with a very long title"])
def test_columns_line_up(title: str) -> None:
    rows = accuracy_table(results(title=title)).splitlines()[2:8]
    assert len({len(row) for row in rows}) == 1
    assert f"{title}, inductive " in rows[2]


def test_a_method_that_is_not_transductive_has_one_accuracy() -> None:
    said = {"transductive": False, "protocol": "inductive: each alone", "text": "not used"}
    assert accuracy_table(results(title="ProtoNet (cosine)", **said)).splitlines()[2:] == [
        "  way  shot  classifier            accuracy    95 %  paper",
        "    5     1  ProtoNet (cosine)        93.12   ±0.11      -",
        "    5     1  mean-pooled cosine       61.40   ±0.20      -",
        "    5     5  ProtoNet (cosine)       100.00   ±0.11   66.2",
        "    5     5  mean-pooled cosine       61.40   ±0.20      -",
        "",
        "inductive: each alone",
        "started from: random weights",
        "text: not used",
        "test clips: 286 of the 288 found (99.3 %)",
    ]


def test_the_method_needs_no_class_to_be_shown() -> None:
    assert "Of old " in accuracy_table(results(method="removed", title="Of old"))
    assert method_config("mean_pooled_cosine").title in accuracy_table(results())


def test_a_model_selected_on_the_test_split_is_said_to_be() -> None:
    table = accuracy_table(results(selection="test"))
    assert "test split, selected on test\n" in table
    assert table.endswith("no estimate of the accuracy on unseen classes")
    assert "unseen" not in accuracy_table(results())


def test_a_benchmark_is_named_with_its_variant_and_how_much_of_it_there_was() -> None:
    test = {"usable": 2310, "line": "test clips: 2,310 of the published 2,400 (96.2 %)"}
    said = {"benchmark": "kinetics100", "line": "kinetics100, cmn: as CMN published it"}
    table = accuracy_table(results(coverage=said | {"splits": {"test": test}}))
    assert table.endswith(f"{said['line']}\n{test['line']}")


def test_the_command_prints_the_table_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "evaluate.json").write_text(json.dumps(results()))
    command = [sys.executable, "-m", "spm.results.accuracy_table", str(tmp_path / "evaluate.json")]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert answer.stdout == accuracy_table(results()) + "\n"


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_file_without_one_of_the_keys_is_an_error(tmp_path: Path, key: str) -> None:
    older = results()
    del older[key]
    with pytest.raises(DataError, match=rf"it lacks {key}: run `dvc repro` to make it anew$"):
        table(write(tmp_path, json.dumps(older)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "not an evaluate.json of this version, it lacks backbone, confidence, coverage, "),
        ("[1]", r"is damaged \(a JSON object was expected, not list\)\. Build it again: "),
        ("", r"is damaged \(Expecting value.*\)\. Build it again: "),
        (b"\xff", r"is damaged \('utf-8' codec .*\)\. Build it again: "),
        (None, "is missing: build it with "),
    ],
)
def test_a_file_that_is_no_evaluation_is_an_error(
    tmp_path: Path, content: str | bytes | None, said: str
) -> None:
    with pytest.raises(DataError, match=f"evaluate.json .*{said}.*dvc repro"):
        table(write(tmp_path, content))


@pytest.mark.parametrize("named", ["", "nothing.json"])
def test_what_no_stage_makes_is_not_to_be_made_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"give .* of an evaluation, as .*evaluate\.json$"):
        table(Path(named))


def write(folder: Path, content: str | bytes | None) -> Path:
    path = folder / "evaluate.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_command_says_it_in_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spm.results.accuracy_table", str(tmp_path / "none.json")]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert len(answer.stderr.splitlines()) == 1
    assert answer.stderr.startswith("accuracy_table: error: ")
