"""bench.gpu gives all its figures, here at a toy size; what it counts is counted right."""

import json

import pytest
import torch

from bench import gpu, gpu_case, gpu_heads, gpu_training
from bench.counted import cost, kept_with_checkpointing
from bench.episode import Episode
from bench.models import build
from spm.config.model import method_names, read_values


@pytest.fixture
def toy_rows(tmp_path, capsys, monkeypatch):
    """Function: arguments -> rows of a toy run on the CPU, and its printed lines, machine first."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)

    def run(*arguments):
        file = tmp_path / "gpu.json"
        assert gpu.main(["--toy", "--json", str(file), *arguments]) == 0
        written = json.loads(file.read_text())
        assert written["machine"]["device"] == "CPU"
        return written["rows"], capsys.readouterr().out.splitlines()

    return run


@pytest.mark.slow
def test_training_has_every_figure(toy_rows):
    rows, printed = toy_rows("--part", "training")
    assert [row["together"] for row in rows] == [1, 4]
    for row in rows:
        assert row["peak memory, GB"] is row["peak reserved, GB"] is None  # a GPU's
        figures = ("training episodes/s", "utilisation, %", "TFLOP an episode")
        assert all(row[name] > 0 for name in figures)
        assert 0 <= row["outside the tower, %"] < 100
    assert len(printed) == 3
    assert all("episodes/s" in line and "outside the tower" in line for line in printed[1:])


@pytest.mark.slow
def test_a_frozen_tower_and_every_method_have_their_rates(toy_rows):
    rows, printed = toy_rows("--part", "frozen", "--part", "heads")
    frozen, heads = rows[:2], rows[2:]
    assert [row["together"] for row in frozen] == [1, 4]
    assert all(row["training episodes/s"] > 0 for row in frozen)
    on_frames = [name for name in method_names() if read_values(name).needs.features == "frames"]
    assert [row["method"] for row in heads] == on_frames
    assert all(row["evaluation episodes/s"] > 0 for row in heads)
    assert len(printed) == 1 + len(rows)


@pytest.mark.slow
def test_recorded_passes_have_rows_of_both_trainings(toy_rows):
    rows, printed = toy_rows("--part", "recorded")
    assert all(row["recorded"] for row in rows)
    assert [(row.get("frozen", False), row["together"]) for row in rows] == [
        (False, 1),
        (False, 4),
        (True, 1),
    ]
    assert all("recorded" in line for line in printed[1:])


def test_what_can_break_the_process_is_measured_last():
    assert gpu.PARTS[-1] == "recorded"
    of_others = (
        *gpu_training.cases(toy=False, compiled=False),
        *gpu_training.frozen_cases(toy=False),
    )
    assert not any(case.recorded for case in of_others)


def test_a_row_that_says_recorded_is_of_a_recording(monkeypatch):
    """A method that is run without one fails its row."""
    with pytest.raises(RuntimeError, match="reads values back"):
        gpu_case._not_recorded("train: the method reads values back")
    told = []
    monkeypatch.setattr(gpu_case, "train", lambda *_, execution, **__: told.append(execution.told))
    case, *_ = gpu_training.cases(toy=True, compiled=False, recorded=True)
    gpu_case.train_steps(build(), case, steps=1, after_step=lambda: None)
    assert told == [gpu_case._not_recorded]


@pytest.mark.slow
def test_training_from_a_store_is_compared_with_training_from_memory(toy_rows):
    (row,), _ = toy_rows("--part", "loading")
    assert 0 <= row["waits for reading, %"] < 100
    for figure in ("read episodes/s", "training episodes/s, from the store"):
        assert row[figure] > 0


@pytest.mark.slow
def test_the_profile_lists_the_longest_operations(toy_rows):
    (row,), printed = toy_rows("--part", "profile")
    for part in (row["step"], row["head"]):
        taken = [each["milliseconds"] for each in part["longest"]]
        assert taken == sorted(taken, reverse=True)
        assert len(taken) == 15
        assert sum(each["share, %"] for each in part["longest"]) <= 100.1
        assert part["kernels, milliseconds"] >= sum(taken) * 0.99
    assert any("aten::convolution_backward" in line for line in printed)


def test_each_c_of_the_papers_backbones_is_measured_for_each_method():
    heads = list(gpu_heads.heads(toy=False))
    assert {(head.channels, head.shot) for head in heads} == {
        (512, 1),
        (512, 5),
        (1024, 1),
        (1024, 5),
    }
    assert "clip_spm" in {head.method for head in heads}


def test_a_compiled_training_is_alone_and_in_fours_and_recomputes_nothing():
    """Recomputing does not go together with compiling (stages.train)."""
    cases = list(gpu_training.cases(toy=False, compiled=True))
    expected = [("RN50", 1), ("RN50", 4), ("ViT-B/16", 1), ("ViT-B/16", 4)]
    assert [(case.name, case.together) for case in cases] == expected
    assert all(case.compiled and not case.checkpointing for case in cases)


def _job(run):
    case, *_ = gpu_training.cases(toy=True, compiled=False)
    return gpu.Job(case.about, run, gpu_training.line)


def test_too_little_memory_is_a_row_without_figures():
    def no_memory():
        raise torch.OutOfMemoryError

    job = _job(no_memory)
    row = gpu.measured(job, torch.device("cpu"))
    assert row["out of memory"]
    assert gpu.shown(job, row).endswith("out of memory")


def test_a_row_that_fails_says_why_and_ends_nothing(tmp_path, capsys, monkeypatch):
    def fails():
        raise ValueError("no such size")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(gpu, "_jobs", lambda *_, **__: [_job(fails), _job(fails)])
    file = tmp_path / "gpu.json"
    assert gpu.main(["--toy", "--part", "training", "--json", str(file)]) == 1
    rows = json.loads(file.read_text())["rows"]
    assert [row["failed"] for row in rows] == 2 * ["ValueError: no such size"]
    said = capsys.readouterr()
    assert said.out.count("failed: ValueError: no such size") == 2
    assert "Traceback" in said.err


def _linear_flops(model: torch.nn.Module, frames: int) -> int:
    """Of builtin-clip's layers, forward and backward; pixels need no gradient."""
    flops, side = 0, 56
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            side = -(-side // 2)
            once = 2 * layer.in_channels * layer.out_channels * 9 * side * side
            flops += once * (2 if layer.in_channels == 3 else 3)
        elif isinstance(layer, torch.nn.Linear):
            flops += 3 * 2 * layer.in_features * layer.out_features
    return flops * frames


def test_the_operations_of_a_tower_are_counted():
    episode = Episode(way=2, shot=1, query=1, frames=3)
    counted = cost(build, episode)
    assert counted.tower_flops == _linear_flops(build().backbone.visual, episode.clips * 3)
    assert counted.head_flops > 0


@pytest.mark.slow
def test_memory_grows_with_the_frames_and_shrinks_with_checkpointing():
    """ViT-B/16: 148 MB a frame measured in float32; 4 clips more cost 4 × 3 frames more."""

    def vit():
        return build("ViT-B-16-quickgelu")

    small, large = (cost(vit, Episode(way=2, shot=1, query=m, frames=3)) for m in (1, 3))
    a_frame = (large.kept_bytes - small.kept_bytes) / 12
    assert a_frame == pytest.approx(148e6, rel=0.02)
    assert kept_with_checkpointing(vit, Episode(2, 1, 1, 3)) < 0.1 * small.kept_bytes
