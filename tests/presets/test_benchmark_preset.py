"""Presets of the benchmarks: the paper's settings, valid with every K and backbone, taken back."""

import sys
from itertools import product
from pathlib import Path

import pytest

from pipeline import preset
from pipeline.presets.benchmark_preset import BACKBONES, benchmark_preset
from pipeline.presets.load_preset import PRESETS, load_preset
from pipeline.presets.parameters import apply
from pipeline.presets.set_preset import set_preset
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.backbone import BackboneConfig
from spm.config.dataset import BENCHMARKS
from spm.config.dotted import flatten
from spm.config.sections import check_all
from spm.dataset.benchmarks import load_benchmark
from spm.episodes.feasibility import check_feasible
from spm.model.towers.table import image_size
from tests.import_closure import ROOT

SHOTS = (1, 3, 5)
ALL = list(product(BENCHMARKS, SHOTS, BACKBONES))

# The paper, Section 4.2; alpha and the gates as its release has them (docs/fidelity.md).
SETTINGS = {
    # benchmark: training episodes, flip, alpha, visual ratio, prompt ratio, slope
    "hmdb51": (20000, True, 0.2, 0.5, 1.5, 0.0025),
    "ucf101": (20000, True, 0.228, 2.0, 2.0, 0.054),
    "kinetics100": (20000, True, 0.86, 0.5, 1.5, 0.042),
    "ssv2_small": (100000, False, 0.2, 0.5, 1.5, 0.0025),
    "ssv2_full": (100000, False, 0.353, 0.5, 0.75, 0.052),
}
BY_BENCHMARK = ("train.episodes", "train.flip", "model.alpha", "model.gate_visual_ratio")
BY_BENCHMARK += ("model.gate_prompt_ratio", "model.gate_slope")
PROTOCOL = {
    "dataset.split": "published",
    "frames.num_segments": 8,
    "frames.short_side": 256,
    "backbone.weights": "openai",
    "model.heads": 8,
    "model.head_dim": 256,
    "model.hidden_dim": 2048,
    "train.accumulate": 16,
    "train.lr": 1e-5,
    "train.weight_decay": 5e-5,
    "episode.way": 5,
    "episode.query": 4,
    "evaluate.episodes": 10000,
}


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text())
    return path


@pytest.mark.parametrize(("name", "shot", "backbone"), ALL)
def test_every_combination_is_a_valid_configuration(name: str, shot: int, backbone: str) -> None:
    """As `inventory` checks it: all sections, the crop, and the episodes of the published clips."""
    values = benchmark_preset(name, shot=shot, backbone=backbone)
    document = apply(read_yaml(ROOT / "params.yaml"), values)
    check_all(document)
    backbone_config = BackboneConfig.model_validate(document["backbone"])
    assert image_size(backbone_config) == 224 <= document["frames"]["short_side"]
    benchmark = load_benchmark(name)
    for variant in benchmark.variants:
        for split, query in (("train", 4), ("val", 4), ("test", 4)):
            counts = benchmark.counts(variant)
            check_feasible(counts, way=5, shot=shot, query=query, split=split)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_settings_are_the_papers(params: Path, name: str) -> None:
    set_preset(name, shot=3, backbone="RN50", path=params)
    values = flatten(read_yaml(params))
    assert {key: values[key] for key in PROTOCOL} == PROTOCOL
    assert tuple(values[key] for key in BY_BENCHMARK) == SETTINGS[name]
    assert (values["dataset.name"], values["dataset.benchmark"]) == (name, name)
    assert (values["episode.shot"], values["evaluate.shots"]) == (3, [3])
    assert values["backbone.name"] == "RN50-quickgelu"


@pytest.mark.parametrize(
    ("name", "lists", "num_shards"),
    [
        ("hmdb51", None, 64),
        ("ucf101", None, 128),
        ("kinetics100", "data/splits/kinetics100", 64),
        ("ssv2_small", "data/splits/ssv2_small", 64),
        ("ssv2_full", "data/splits/ssv2_full", 256),
    ],
)
def test_what_follows_from_a_benchmarks_lists_and_size(
    name: str, lists: str | None, num_shards: int
) -> None:
    values = benchmark_preset(name)
    assert values["dataset.lists"] == lists
    assert values["frames.num_shards"] == num_shards


@pytest.mark.parametrize(
    "others", [["ssv2_small"], ["release", "ucf101"], ["kinetics100", "paper"], ["things"]]
)
def test_motion_brings_params_yaml_back_exactly(params: Path, others: list[str]) -> None:
    before = params.read_bytes()
    for name in others:
        assert set_preset(name, path=params)
    assert params.read_bytes() != before
    assert set_preset("motion", path=params)
    assert params.read_bytes() == before


def test_motion_has_every_key_that_another_preset_sets() -> None:
    names = {path.stem for path in PRESETS.glob("*.yaml")} - {"motion"}
    others: set[str] = set().union(
        *(load_preset(name, method="clip_spm", dataset="motion") for name in (*names, *BENCHMARKS))
    )
    assert load_preset("motion", method="clip_spm", dataset="motion").keys() == others | {
        "dataset.kind"
    }  # which it generates


def test_comments_stay_and_small_numbers_are_written_out(params: Path) -> None:
    before = params.read_text().splitlines()
    set_preset("ssv2_small", path=params)
    after = params.read_text().splitlines()
    assert [line.partition("#")[2] for line in after] == [line.partition("#")[2] for line in before]
    assert [line.find("#") for line in after] == [line.find("#") for line in before]
    assert "  lr: 0.00001                         # the paper: 0.00001" in after


@pytest.mark.parametrize("given", [{"shot": 5}, {"backbone": "RN50"}])
def test_shot_and_backbone_are_a_benchmarks(params: Path, given: dict) -> None:
    with pytest.raises(ConfigError, match="belong to a benchmark's preset, not to 'release'"):
        set_preset("release", path=params, **given)


def test_another_backbone_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'RN101': the paper has RN50 and ViT-B-16"):
        benchmark_preset("ucf101", backbone="RN101")


def test_a_shot_of_zero_is_no_episode(params: Path) -> None:
    with pytest.raises(ConfigError, match=r"episode\.shot = 0"):
        set_preset("ucf101", shot=0, path=params)


def test_on_the_command_line(
    params: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(params.parent)
    arguments = ["preset", "ssv2_small", "--shot", "5", "--backbone", "ViT-B-16"]
    monkeypatch.setattr(sys, "argv", arguments)
    preset.main()
    said = capsys.readouterr().out
    assert "\n+  benchmark: ssv2_small " in said
    assert "\n+  shot: 5 " in said
    assert "\n+  name: ViT-B-16-quickgelu " in said
