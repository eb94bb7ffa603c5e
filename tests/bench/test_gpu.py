"""bench.gpu gives all its figures, here at a toy size; what it counts is counted right."""

import json

import pytest
import torch

from bench import gpu
from bench.counted import cost, kept_with_checkpointing
from bench.episode import Episode
from bench.models import build


@pytest.mark.slow
def test_the_toy_run_has_every_figure(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    gpu.main(["--toy", "--json", str(tmp_path / "gpu.json")])
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert written["machine"]["device"] == "CPU"
    assert [row["together"] for row in written["rows"]] == [1, 4]
    for row in written["rows"]:
        assert row["peak memory, GB"] is None  # a GPU's
        figures = ("training episodes/s", "utilisation, %", "TFLOP an episode")
        assert all(row[name] > 0 for name in figures)
        assert 0 <= row["outside the tower, %"] < 100
        assert row["seconds for 10,000 evaluation episodes"] > 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert all("episodes/s" in line and "10,000 evaluated in" in line for line in printed[1:])


def test_too_little_memory_is_a_row_without_figures(monkeypatch):
    def no_memory(*args, **options):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(gpu, "training_seconds", no_memory)
    (case, _) = gpu.cases(toy=True)
    row = gpu.run(case, torch.device("cpu"), gpu.TOY, rate=1.0, compile=False)
    assert row["out of memory"]
    assert gpu.row(row).endswith("out of memory")


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
