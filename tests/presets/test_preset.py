"""Presets: what they set, what they leave, and that one takes back the other."""

import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import preset
from pipeline.presets.load_preset import load_preset
from pipeline.presets.set_preset import set_preset
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.dotted import flatten
from spm.config.model import method_names
from spm.released.release import released_spec
from tests.import_closure import ROOT

# Rows of the table in docs/fidelity.md. 10 and 18 are no choices; 13, 16 and 17 belong to a data
# set; the optimizer has no row, as the paper says only Adam.
ROWS = {
    1: {"train.selection", "train.validate_query"},
    2: {"evaluate.query", "train.validate_query"},
    3: {"model.lambda4"},
    4: {"model.lambda3", "model.learn_lambda3"},
    5: {"model.distance"},
    6: {"model.consistency_reduction"},
    7: {"train.loss"},
    8: {"model.motion_reduction"},
    9: {"model.prompt_visual_mean"},
    11: {"prompts.text_ensemble"},
    12: {"backbone.normalize"},
    14: {"backbone.batch_norm"},
    15: {"train.steps_early"},
    19: {"frames.keep_aspect", "frames.short_clips", "frames.samples_per_segment"},
}
PLAIN_ADAM = {
    "train.optimizer": "adam",
    "train.momentum": 0.0,
    "train.nesterov": False,
    "train.decay_norms": True,
    "train.decay_biases": True,
    "train.warmup": 0,
    "train.schedule": "constant",
    "train.milestones": [],
    "train.factors": [],
}
"""Section 4.2 names Adam, a rate and a decay, and neither a schedule nor an exception."""
WHOLE_TOWER = {"backbone.frozen": False, "backbone.train_last": None}
"""The paper and the release fine-tune all of it."""
ALIKE = {"model.lambda3", "frames.samples_per_segment", *PLAIN_ADAM, *WHOLE_TOWER}


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text())
    return path


def changed(before: str, after: str) -> list[str]:
    old, new = before.splitlines(), after.splitlines()
    assert len(old) == len(new)
    return [line for line, other in zip(new, old, strict=True) if line != other]


def test_presets_have_the_same_parameters_and_differ_in_every_row() -> None:
    paper, release = (
        load_preset("paper", method="clip_spm", dataset="motion"),
        load_preset("release", method="clip_spm", dataset="motion"),
    )
    assert paper.keys() == release.keys()
    fixed = PLAIN_ADAM | WHOLE_TOWER
    assert set(paper) == set().union(*ROWS.values()) | {"train.betas", *fixed}
    assert {name: paper[name] for name in fixed} == fixed
    assert {name for name in paper if paper[name] == release[name]} == ALIKE


@pytest.mark.parametrize("name", ["paper", "release"])
def test_a_preset_is_what_params_yaml_has_afterwards(params: Path, name: str) -> None:
    before = params.read_text()
    difference = set_preset(name, path=params)
    values = flatten(read_yaml(params))
    wanted = load_preset(name, method="clip_spm", dataset="motion")
    assert {key: values[key] for key in wanted} == wanted
    untouched = flatten(YAML(typ="safe").load(before))
    assert {k: v for k, v in values.items() if k not in wanted} == {
        k: v for k, v in untouched.items() if k not in wanted
    }
    added = [line[1:] for line in difference.splitlines() if line[0] == "+" and line[:3] != "+++"]
    assert added == changed(before, params.read_text())
    assert len(added) <= len(wanted)


def test_comments_layout_quotes_and_null_stay(params: Path) -> None:
    """Only the values differ: a line that changed has its comment in the same column."""
    before = params.read_text()
    set_preset("release", path=params)
    after = params.read_text()
    assert '  - "[CLS], an action"' in after
    assert "  weights: built-in                   # built-in | openai" in after
    assert "  betas: [0.5, 0.999]                 # of adam and adamw\n" in after
    for old, new in zip(before.splitlines(), after.splitlines(), strict=True):
        assert old.partition("#")[2] == new.partition("#")[2]
        assert old.find("#") == new.find("#")


SGD = [
    ("optimizer: adam ", "optimizer: sgd "),
    ("momentum: 0.0 ", "momentum: 0.9 "),
    ("nesterov: false", "nesterov: true"),
    ("decay_norms: true", "decay_norms: false"),
    ("decay_biases: true", "decay_biases: false"),
    ("warmup: 0 ", "warmup: 50 "),
    ("schedule: cosine ", "schedule: steps "),
    ("milestones: [] ", "milestones: [300] "),
    ("factors: [] ", "factors: [0.1] "),
]


@pytest.mark.parametrize("name", ["paper", "release", "motion", "hmdb51"])
def test_a_preset_takes_back_another_methods_optimizer_and_schedule(
    params: Path, name: str
) -> None:
    text = params.read_text()
    for old, new in SGD:
        assert text.count(old) == 1
        text = text.replace(old, new)
    params.write_text(text)
    set_preset(name, path=params)
    values = flatten(read_yaml(params))
    expected = PLAIN_ADAM | ({"train.schedule": "cosine"} if name == "motion" else {})
    assert {key: values[key] for key in PLAIN_ADAM} == expected


@pytest.mark.parametrize("name", ["paper", "release", "motion", "hmdb51"])
@pytest.mark.parametrize("change", [("frozen: false", "frozen: true"), ("last: null", "last: 2")])
def test_a_preset_trains_the_whole_tower_again(
    params: Path, name: str, change: tuple[str, str]
) -> None:
    params.write_text(params.read_text().replace(*change))
    set_preset(name, path=params)
    values = flatten(read_yaml(params))
    assert {key: values[key] for key in WHOLE_TOWER} == WHOLE_TOWER


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("otam", {"train.episodes": 0, "features.views": 0, "model.otam_lambda": 0.1}),
        ("clip_spm", {"train.episodes": 20000, "features.views": 4, "model.heads": 8}),
    ],
)
def test_a_frozen_tower_and_a_method_with_the_preset_of_a_benchmark(
    params: Path, method: str, values: dict[str, Any]
) -> None:
    set_preset("hmdb51", path=params, method="otam", frozen=True)
    set_preset("hmdb51", path=params, method=method, frozen=True)
    found = flatten(read_yaml(params))
    values = values | {
        "backbone.frozen": True,
        "dataset.name": "hmdb51",
        "features.kind": "vectors",
    }
    assert {key: found[key] for key in values} == values
    set_preset("motion", path=params, method="clip_spm")
    assert read_yaml(params) == read_yaml(ROOT / "params.yaml")


@pytest.mark.parametrize("method", method_names())
def test_every_method_has_a_frozen_tower_on_a_benchmark(params: Path, method: str) -> None:
    set_preset("hmdb51", path=params, method=method, frozen=True)
    found = flatten(read_yaml(params))
    kind = "maps" if method in ("strm", "molo", "ta2n") else "vectors"
    assert (found["backbone.frozen"], found["features.kind"]) == (True, kind)
    assert found.get("model.reconstruction_weight", 0.0) == 0.0  # it needs the clips' pixels


@pytest.mark.parametrize(
    ("name", "method", "said"),
    [
        (
            "release",
            "paper",
            r"^paper is a preset and no method, .*: set one after the other",
        ),
        ("otam", "hmdb51", r"^hmdb51 is a preset and no method, .*; methods: .*clip_spm, "),
        ("hmdb51", "otma", r"no method 'otma'; methods: .*clip_spm, "),
        ("otam", "protonet", r"otam is a method's preset: give one without --method protonet"),
    ],
)
def test_a_method_that_is_none_or_one_too_many(
    params: Path, name: str, method: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        set_preset(name, path=params, method=method)


@pytest.mark.parametrize(("first", "other"), [("paper", "release"), ("release", "paper")])
def test_there_and_back_is_the_same_file(params: Path, first: str, other: str) -> None:
    set_preset(first, path=params)
    before = params.read_bytes()
    assert set_preset(other, path=params)
    assert params.read_bytes() != before
    assert set_preset(first, path=params)
    assert params.read_bytes() == before
    assert set_preset(first, path=params) == ""


def test_an_unknown_preset_lists_those_that_there_are(params: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"no preset 'relase'; presets: motion, paper, release, things, h"
    ):
        set_preset("relase", path=params)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("model: {lamda3: 0.1}", r"model\.lamda3.*Did you mean 'model\.lambda3'"),
        ("model: {distance: cosine}", r"model\.distance = 'cosine'"),
        ("train: {accumulate: 1, steps_early: true}", r"steps_early needs accumulate of 2"),
    ],
)
def test_what_would_not_be_valid_is_not_written(params: Path, content: str, message: str) -> None:
    (params.parent / "presets").mkdir()
    (params.parent / "presets" / "bad.yaml").write_text(content)
    before = params.read_bytes()
    with pytest.raises(ConfigError, match=message):
        set_preset("bad", path=params, presets=params.parent / "presets")
    assert params.read_bytes() == before


def test_converted_checkpoints_have_the_values_of_the_release() -> None:
    spec = released_spec(
        backbone="RN50-quickgelu",
        heads=8,
        head_dim=256,
        hidden_dim=2048,
        gate_visual_ratio=0.5,
        gate_prompt_ratio=1.5,
        alpha=0.2,
        gate_slope=0.0025,
        num_frames=8,
    )
    values: dict[str, Any] = flatten(spec.model_dump())
    release = load_preset("release", method="clip_spm", dataset="motion")
    shared = values.keys() & release.keys()
    assert {name: values[name] for name in shared} == {name: release[name] for name in shared}
    assert {name.split(".")[0] for name in shared} == {"frames", "backbone", "prompts", "model"}
    assert spec.selection == release["train.selection"]


def test_on_the_command_line(
    params: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(params.parent)
    monkeypatch.setattr(sys, "argv", ["preset", "release"])
    preset.main()
    said = capsys.readouterr().out
    assert "\n-  distance: euclidean" in said
    assert "\n+  distance: squared" in said
    preset.main()
    assert "is release already" in capsys.readouterr().out
