"""Grids: what is read from the file, what each point comes to, and errors before anything runs."""

import json
import re
from copy import deepcopy
from pathlib import Path

import pytest

from pipeline.grids.grid import GRIDS, SEEDS, candidates_of, load_grid, points_of
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.dotted import flatten
from spm.config.model import method_values
from spm.results.paper_results import paper_accuracy
from tests.import_closure import ROOT

DOCUMENT = read_yaml(ROOT / "params.yaml")
GRID = """
title: A grid
baseline: full
seeds: [3, 4]
common: {train.episodes: 8}
paper: {table: Table 9, columns: [HMDB51]}
rows:
  full: {paper: [77.4]}
  none: {set: {model.padm: false}}
"""


def load(tmp_path: Path, text: str = GRID, **options):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return load_grid(str(path), document=DOCUMENT, **options)


def test_points_are_rows_times_seeds_seed_by_seed(tmp_path):
    points = points_of(load(tmp_path), document=DOCUMENT)
    assert [(p.row, p.seed) for p in points] == [("full", 3), ("none", 3), ("full", 4), ("none", 4)]
    last = points[-1].parameters
    assert last["model"]["padm"] is False
    assert last["train"]["episodes"] == 8
    assert [last["train"]["seed"], last["model"]["seed"], last["backbone"]["seed"]] == [4, 4, 4]
    assert last["evaluate"] == DOCUMENT["evaluate"]  # its seed too: episodes are paired
    assert DOCUMENT["model"]["padm"] is True


def test_the_papers_numbers_stand_in_the_rows(tmp_path):
    grid = load(tmp_path)
    assert (grid.rows["full"].paper, grid.rows["none"].paper) == ([77.4], [None])
    assert grid.paper.table == "Table 9"


def test_a_row_goes_over_common_and_common_over_the_preset(tmp_path):
    (tmp_path / "quick.yaml").write_text("train: {episodes: 1, accumulate: 1}\nmodel.alpha: 0.9\n")
    text = GRID.replace("full: {", "full: {preset: quick, set: {model.alpha: 0.7}, ")
    row = load(tmp_path, text, presets=tmp_path).rows["full"]
    assert row.overrides == {"train.episodes": 8, "train.accumulate": 1, "model.alpha": 0.7}


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        ("model.padm", "model.pdam", ["rows.none", "'model.pdam'", "Did you mean 'model.padm'?"]),
        ("padm: false", "padm: 3", ["rows.none", "model.padm = 3", "must be true or false"]),
        ("train.episodes: 8", "train.episodes: -1", ["train.episodes = -1"]),
        ("train.episodes: 8", "model: {}", ["'model'", "is not a parameter"]),
        ("baseline: full", "baseline: fll", ["'fll' is not a row", "Did you mean 'full'?"]),
        ("none: {set", "none: {sets", ["rows.none.sets", "Did you mean"]),
        ("seeds", "seed", ["seed is not a parameter", "seeds"]),
        ("[3, 4]", "[3, 3]", ["seeds: [3, 3] names a seed twice", "name each once"]),
        ("[3, 4]", "[3, 4294967296]", ["seeds.1 = 4294967296: must be less than"]),
        ("[77.4]", "[77.4, 50.8]", ["rows.full.paper has 2 numbers", "1 headings"]),
        ("model.padm: false", "train.seed: 9", ["rows.none sets train.seed", "seeds"]),
        ("model.padm: false", "evaluate.query: 1", ["rows.none", "evaluate.query", "baseline"]),
        ("none: {set", "none: {preset: relase, set", ["no preset 'relase'"]),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(tmp_path, old, new, messages):
    assert old in GRID
    with pytest.raises(ConfigError) as error:
        load(tmp_path, GRID.replace(old, new))
    for message in ["mine.yaml", *messages]:
        assert message in str(error.value)


def test_rows_measured_otherwise_have_a_baseline_of_their_own(tmp_path):
    text = f"{GRID}  one: {{baseline: one, set: {{evaluate.query: 1}}}}\n"
    assert load(tmp_path, text).rows["one"].baseline == "one"


def test_two_grids_of_one_file_name_have_two_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = ["grid.yaml", "mine/grid.yaml", "components.yaml", "it's 'mine'.yaml"]
    for place in places:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(GRID)
    names = [load_grid(place, document=DOCUMENT).name for place in places]
    assert len({*names, "components"}) == 5
    assert all(re.fullmatch(r"[\w-]+-[0-9a-f]{6}", name) for name in names)
    again = [load_grid(str(tmp_path / place), document=DOCUMENT).name for place in places]
    assert again == names
    own = [str(GRIDS / "components.yaml"), "components"]
    assert {load_grid(name, document=DOCUMENT).name for name in own} == {"components"}


def test_a_clone_has_the_same_names(tmp_path, monkeypatch):
    found = set()
    for clone in ("one", "two"):
        (tmp_path / clone).mkdir()
        (tmp_path / clone / "grid.yaml").write_text(GRID)
        monkeypatch.chdir(tmp_path / clone)
        found.add(load_grid("grid.yaml", document=DOCUMENT).name)
    assert len(found) == 1


def test_an_unknown_grid_names_those_that_there_are():
    with pytest.raises(ConfigError, match="components"):
        load_grid("compnents", document=DOCUMENT)


@pytest.mark.parametrize("path", sorted(GRIDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_grid_of_the_project_is_valid_and_has_distinct_points(path):
    grid = load_grid(path.stem, document=DOCUMENT)
    points = points_of(grid, document=DOCUMENT)
    assert len({str(point.parameters) for point in points}) == len(points)


def test_components_are_all_eight_combinations():
    grid = load_grid("components", document=DOCUMENT)
    switches = [
        tuple(row.overrides[f"model.{name}"] for name in ("hsmr", "spm", "padm"))
        for row in grid.rows.values()
    ]
    assert len(set(switches)) == 8
    for row, switch in zip(grid.rows, switches, strict=True):
        names = [name for name, on in zip(("HSMR", "SPM", "PADM"), switch, strict=True) if on]
        assert row == {0: "none", 3: "full"}.get(len(names), "+".join(names))


@pytest.mark.parametrize(("name", "dataset"), [("text", "things"), ("text_motion", "motion")])
def test_text_is_spm_and_the_full_model_with_and_without_texts(name, dataset):
    """Whatever data set and control params.yaml has."""
    document = deepcopy(DOCUMENT)
    document["prompts"]["control"] = "zero"
    document["dataset"]["name"] = "mine"
    grid = load_grid(name, document=document)
    found = {}
    for name, row in grid.rows.items():
        values = row.overrides
        parts = tuple(values[f"model.{part}"] for part in ("hsmr", "spm", "padm"))
        found[name] = (parts, values["prompts.control"], row.baseline)
        assert values["dataset.name"] == dataset
        assert values["dataset.split"] == f"data/splits/{dataset}.yaml"
    alone, full = (False, True, False), (True, True, True)
    assert found == {
        "SPM": (alone, "none", "SPM"),
        "SPM, zero text": (alone, "zero", "SPM"),
        "SPM, mean text": (alone, "mean", "SPM"),
        "SPM, permuted texts": (alone, "permuted", "SPM"),
        "full": (full, "none", "full"),
        "full, zero text": (full, "zero", "full"),
    }
    assert grid.seeds == [0, 1, 2]


def test_main_is_every_benchmark_shot_and_backbone_with_the_papers_number():
    rows = load_grid("main", document=DOCUMENT).rows.values()
    found = {}
    for row in rows:
        values = row.overrides
        backbone, shot = values["backbone.name"], values["episode.shot"]
        assert values["evaluate.shots"] == [shot]
        assert row.baseline == row.name
        found[values["dataset.benchmark"], backbone, shot] = row.paper[0]
    assert len(found) == len(rows) == 30
    for (benchmark, backbone, shot), number in found.items():
        assert number == paper_accuracy("clip_spm", benchmark, backbone=backbone, way=5, shot=shot)


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("{name: ucf11, shot: 1, backbone: RN50}", "rows.none.preset"),
        ("{name: ucf101, shot: 1, backbone: RN101}", "the paper has RN50 and ViT-B-16"),
        ("{name: ucf101, shot: 1}", r"rows\.none\.preset\.backbone is missing$"),
        ("{shots: 1}", r"rows\.none\.preset\.shots is not .* Did you mean 'shot'\?"),
        ("ucf101", "test episodes are not the same"),
    ],
)
def test_a_benchmarks_preset_with_what_is_wrong(tmp_path, preset, message):
    grid = GRID.replace("train.episodes: 8", "train.episodes: 16")  # a step of a benchmark
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, grid.replace("none: {set", f"none: {{preset: {preset}, set"))


def test_flatten_stops_at_values():
    assert flatten({"dataset": {"split": {"seed": 0}, "generator": {"seed": 1}}}) == {
        "dataset.split": {"seed": 0},
        "dataset.generator.seed": 1,
    }
    assert set(SEEDS) <= set(flatten(DOCUMENT))


def test_a_row_of_another_method_by_preset_or_by_name(tmp_path):
    rows = {
        "clip": None,
        "otam": {"preset": "otam"},
        "proto": {"set": {"model.method": "protonet"}},
    }
    grid = {"title": "Methods", "baseline": "clip", "seeds": [0, 1], "rows": rows}
    (tmp_path / "methods.yaml").write_text(json.dumps(grid))
    loaded = load_grid(str(tmp_path / "methods.yaml"), document=DOCUMENT)
    points = points_of(loaded, document=DOCUMENT)
    found = {(point.row, point.seed): point.parameters["model"] for point in points}
    for seed in (0, 1):
        assert found["otam", seed] == method_values("otam") | {"seed": seed}
        assert found["proto", seed] == method_values("protonet") | {"seed": seed}
        assert found["clip", seed] == DOCUMENT["model"] | {"seed": seed}


def test_what_is_chosen_among_is_checked_for_every_row(tmp_path):
    one = GRID.replace("rows:", "choose: {train.lr: [0.1]}\nrows:")
    with pytest.raises(ConfigError, match=r"choose.train.lr.*at least 2"):
        load(tmp_path, one)
    wrong = GRID.replace("rows:", "choose: {train.lr: [0.1, -1]}\nrows:")
    with pytest.raises(ConfigError, match=r"rows.full: train.lr = -1"):
        load(tmp_path, wrong)


@pytest.mark.parametrize(
    ("choose", "said"),
    [
        ("{train.seed: [1, 2]}", r"rows.full chooses train.seed: seeds come from the grid"),
        ("{evaluate.query: [1, 2]}", r"rows.full chooses evaluate.query: .*same test episodes"),
        ("{model.cardinalities: [[2], [2, 3]]}", r"choose.model.cardinalities"),
        ("{train.lr: [0.1, 0.2], train.loss: [sum, mean]}", r"choose.*at most 1"),
    ],
)
def test_what_validation_cannot_choose_is_refused(tmp_path, choose, said):
    with pytest.raises(ConfigError, match=said):
        load(tmp_path, GRID.replace("rows:", f"choose: {choose}\nrows:"))


def test_without_training_nothing_is_chosen(tmp_path):
    grid = GRID.replace("common: {train.episodes: 8}\n", "")
    untrained = "{set: {train.episodes: 0}, choose: {train.lr: [0.1, 0.2]}}"
    with pytest.raises(ConfigError, match=r"rows.full chooses train.lr and has train.episodes = 0"):
        load(tmp_path, grid.replace("{paper: [77.4]}", untrained))


def test_a_row_that_has_not_chosen_has_no_points(tmp_path):
    grid = load(tmp_path, GRID.replace("{paper: [77.4]}", "{choose: {train.lr: [0.1, 0.2]}}"))
    candidates = candidates_of(grid, document=DOCUMENT)
    rates = {value: each.parameters["train"]["lr"] for value, each in candidates["full"].items()}
    assert rates == {0.1: 0.1, 0.2: 0.2}
    assert {point.row for point in points_of(grid, document=DOCUMENT)} == {"none"}
    chosen = points_of(grid, document=DOCUMENT, chosen={"full": 0.2})
    assert [p.parameters["train"]["lr"] for p in chosen if p.row == "full"] == [0.2, 0.2]
