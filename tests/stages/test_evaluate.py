"""Stages evaluate and report, on a tiny store and an untrained model."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from spm.base.errors import ConfigError, DataError
from spm.base.hashing import file_hash
from spm.base.yaml_file import read_yaml
from spm.config.prompts import CONTROLS
from spm.episodes.open_set import SCORES
from spm.frames.clip_index import INDEX
from spm.methods.clip_spm.method import ClipSPM
from spm.methods.zero_shot.method import ZeroShotText
from spm.model.model import save_model
from spm.model.prompts import PromptFeatures
from spm.results import model_measurements
from stages import evaluate, report
from stages.shared import params, paths
from stages.tracking import provenance
from tests import models
from tests.backgrounds import with_background
from tests.machines import told
from tests.methods.small import small
from tests.report.test_pages import Page, assert_needs_nothing_else
from tests.stores import make_store

RESULTS = [
    *(paths.EVALUATION, paths.METRICS, paths.EPISODES),
    *(paths.PER_CLASS, paths.CONFUSION, paths.UNKNOWN),
]
CURVES = """step,loss,accuracy,L_CE,L_H,L_S,val_accuracy
10,2.5,20.0,1.6,9,9,
20,2.0,30.0,1.5,8,8,25
"""


@pytest.fixture(autouse=True)
def _maps_are_slow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP compiles for 10 s in each process: only the slow tests, and a whole repro, draw maps."""
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(report, "has_umap", lambda: False)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that the two stages read."""
    document = read_yaml(params.PARAMS)
    monkeypatch.chdir(tmp_path)
    document["runtime"] |= {"tracking": False, "device": "cpu"}
    document["evaluate"] |= {"episodes": 12, "shots": [1, 2], "query": 2, "batch": 5}
    document["report"]["queries"] = 3
    write(document)
    paths.FRAMES.mkdir(parents=True)
    store = make_store(paths.FRAMES, classes={"train": 2, "test": 6})
    schema = pa.schema([("id", pa.string())], metadata={"dataset": "squares"})
    pq.write_table(schema.empty_table(), paths.MANIFEST)
    classes = sorted(set(store.clips["class"].to_pylist()))
    prompts(classes, trained=False)
    save_model(models.build().float(), paths.MODEL)
    paths.TRAIN_CURVES.write_text(CURVES)
    return tmp_path


def change(section: str, **values: object) -> None:
    document = read_yaml(params.PARAMS)
    document[section] |= values
    write(document)


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[None]:
    """Grows by one each time the model's measurement calls its function `name`."""
    calls: list[None] = []
    called = getattr(model_measurements, name)

    def recorded(*args, **options):
        calls.append(None)
        return called(*args, **options)

    monkeypatch.setattr(model_measurements, name, recorded)
    return calls


def write(document: dict) -> None:
    params.PARAMS.write_text(json.dumps(document))


def prompts(classes: list[str], *, trained: bool) -> None:
    features = np.random.default_rng(0).normal(size=(2, len(classes), 16)).astype(np.float32)
    texts = [f"text of {name}" for name in classes]
    PromptFeatures(features, classes, texts, trained).save(paths.PROMPTS)


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: file_hash(path) for path in sorted(folder.iterdir())}


def test_results_are_complete_and_the_same_each_time(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main()
    first = hashes(paths.RESULTS)
    evaluate.main()
    assert hashes(paths.RESULTS) == first
    assert set(first) == {path.name for path in RESULTS}
    results = json.loads(paths.EVALUATION.read_text())
    assert (results["dataset"], results["way"], results["shot"]) == ("squares", 5, 1)
    assert (results["query"], results["episodes"]) == (2, 12)
    assert set(results["shots"]) == {"1", "2"}
    assert set(results["baselines"]) == {"mean_pooled_cosine"}
    assert results["hashes"]["data"] == file_hash(paths.FRAMES / "index.parquet")
    assert results["hashes"]["model"] == provenance.content_hash(paths.MODEL)
    rows = pq.read_table(paths.EPISODES)
    assert len(rows) == 24
    mean = np.mean(rows["accuracy"].to_numpy()[:12])
    assert results["accuracy"] == pytest.approx(mean, abs=1e-3)
    assert capsys.readouterr().out.count("CLIP-SPM  ") == 4, "two shots, twice"


def test_metrics_are_few_numbers_alone(workspace: Path) -> None:
    prompts(PromptFeatures.load(paths.PROMPTS).classes, trained=True)
    evaluate.main()
    results, metrics = (
        json.loads(path.read_text(encoding="utf-8")) for path in (paths.EVALUATION, paths.METRICS)
    )
    assert metrics == {
        "accuracy": results["accuracy"],
        "ci95": results["ci95"],
        "inductive": results["inductive"]["accuracy"],
        "cosine": results["baselines"]["mean_pooled_cosine"]["accuracy"],
        "ece": results["confidence"]["model"]["after"]["ece"],
        "text": 0 - results["text_controls"]["zero"]["difference"],
        "zero_shot": results["baselines"]["zero_shot"]["accuracy"],
        "2shot": results["shots"]["2"]["accuracy"],
    }
    assert all(type(value) is float for value in metrics.values())


def test_who_shows_the_table_later_is_not_shown_it_twice(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIP_SPM_TABLE", "later")
    evaluate.main()
    assert "CLIP-SPM  " not in capsys.readouterr().out


def test_clips_beyond_the_limit_are_encoded_again_and_the_result_says_so(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main()
    kept = json.loads(paths.EVALUATION.read_text())
    change("evaluate", max_cache_mb=0)
    evaluate.main()
    assert "max_cache_mb = 0 MB, so clips are encoded again" in capsys.readouterr().out
    again = json.loads(paths.EVALUATION.read_text())
    assert (kept["encoded"], again["encoded"]) == ("once", "for each batch of episodes")
    assert again["accuracy"] == kept["accuracy"]
    assert again["text_controls"] == kept["text_controls"]


def test_zero_shot_is_measured_where_the_text_is_trained(workspace: Path) -> None:
    prompts(PromptFeatures.load(paths.PROMPTS).classes, trained=True)
    evaluate.main()
    results = json.loads(paths.EVALUATION.read_text())
    assert set(results["baselines"]) == {"mean_pooled_cosine", "zero_shot"}
    assert results["text"] == "trained"


def test_text_controls_are_measured_on_the_first_episodes_of_each_shot(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change("evaluate", text_control_episodes=8)
    save_model(models.build(method="zero_shot").float(), paths.MODEL)
    encodings = counted(monkeypatch, "encode_within")
    evaluate.main()
    assert len(encodings) == 1
    results, rows = json.loads(paths.EVALUATION.read_text()), pq.read_table(paths.EPISODES)
    own = rows["accuracy"].to_numpy()
    for number, shot in enumerate(("1", "2")):
        controls = results["shots"][shot]["text_controls"]
        assert set(controls) == {*CONTROLS, "episodes"}
        assert controls["episodes"] == 8
        assert (controls["zero"]["accuracy"], controls["zero"]["ci95"]) == (20, 0)
        for control in CONTROLS:
            column = rows[f"text_{control}"].to_pylist()[12 * number :][:12]
            assert column[8:] == [None] * 4
            paired = np.array(column[:8]) - own[12 * number :][:8]
            assert controls[control]["difference"] == pytest.approx(paired.mean(), abs=1e-3)
            assert controls[control]["accuracy"] == pytest.approx(np.mean(column[:8]), abs=1e-3)
    worth = 0 - results["text_controls"]["zero"]["difference"]
    assert json.loads(paths.METRICS.read_text())["text"] == worth
    said = f"\n  1-shot: {worth:+.2f} ± "
    assert said in capsys.readouterr().out
    report.main()
    page = (paths.REPORT / "report.md").read_text()
    accuracy = results["shots"]["2"]["text_controls"]["zero"]["accuracy"]
    assert f"| zero text at test | 1 | 20.00 | {worth:+.2f} | ±" in page
    assert f"| zero text at test | 2 | {accuracy:.2f} | " in page
    assert "first 8 episodes, paired" in page


def test_mlflow_has_the_controls_of_each_shot(workspace: Path) -> None:
    evaluate.main()
    results = json.loads(paths.EVALUATION.read_text())
    metrics = evaluate._metrics(results)
    controls = results["shots"]["2"]["text_controls"]
    assert metrics["text_permuted_2shot"] == controls["permuted"]["accuracy"]
    assert metrics["text_worth_2shot"] == 0 - controls["zero"]["difference"]
    assert {f"text_{name}_1shot" for name in (*CONTROLS, "worth")} <= set(metrics)


@pytest.mark.parametrize(
    ("model", "episodes"),
    [({}, 0), ({"method": "otam"}, 8), ({"spm": False}, 8), ({"control": "zero"}, 8)],
)
def test_no_control_is_measured_where_none_says_anything(
    workspace: Path, model: dict, episodes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    change("evaluate", text_control_episodes=episodes)
    save_model(models.build(**model).float(), paths.MODEL)
    evaluate.main()
    assert json.loads(paths.EVALUATION.read_text())["text_controls"] is None
    assert not [name for name in pq.read_table(paths.EPISODES).column_names if "text" in name]
    assert "text" not in json.loads(paths.METRICS.read_text())
    assert "worth" not in capsys.readouterr().out
    report.main()
    assert "worth" not in (paths.REPORT / "report.md").read_text()


def test_a_model_with_a_control_is_asked_with_it_and_everything_says_so(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts(PromptFeatures.load(paths.PROMPTS).classes, trained=True)
    save_model(models.build(method="zero_shot", control="zero").float(), paths.MODEL)
    evaluate.main()
    results = json.loads(paths.EVALUATION.read_text())
    assert (results["accuracy"], results["ci95"]) == (20, 0)
    assert results["text_control"] == "zero"
    said = "ext: trained; control: all-zero, in training and at test"
    assert said in capsys.readouterr().out
    asked: list[torch.Tensor | None] = []
    classify = ZeroShotText.classify
    monkeypatch.setattr(
        ZeroShotText,
        "classify",
        lambda self, episode: asked.append(episode.class_text) or classify(self, episode),
    )
    report.main()
    assert asked
    assert not any(texts.any() for texts in asked)
    assert (paths.REPORT / "report.md").read_text().count(said) == 2


def test_beside_a_model_with_a_control_zero_shot_is_not_measured(workspace: Path) -> None:
    prompts(PromptFeatures.load(paths.PROMPTS).classes, trained=True)
    save_model(models.build(control="permuted").float(), paths.MODEL)
    evaluate.main()
    assert set(json.loads(paths.EVALUATION.read_text())["baselines"]) == {"mean_pooled_cosine"}


@pytest.mark.parametrize("method", ["molo", "ta2n"])
def test_beside_a_model_that_takes_maps_no_text_is_compared_with_them(
    workspace: Path, method: str
) -> None:
    """Its maps have other channels than the texts; its tower here, 128 and 16."""
    prompts(PromptFeatures.load(paths.PROMPTS).classes, trained=True)
    model = models.build(method=method, **small(method)).float()
    assert model.feature_shape[0] != model.channels
    save_model(model, paths.MODEL)
    evaluate.main()
    results = json.loads(paths.EVALUATION.read_text())
    assert set(results["baselines"]) == {"mean_pooled_cosine"}
    assert results["encoded"] == "once"


def test_confidence_is_measured_of_both_kinds_of_answers_at_their_temperatures(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change("evaluate", inductive_episodes=7)
    evaluate.main()
    plain = json.loads(paths.EVALUATION.read_text())
    assert "not calibrated" in capsys.readouterr().out
    model = models.build().float()
    model.calibration = models.calibrated(classify=1e6, classify_each=1e-6)
    save_model(model, paths.MODEL)
    evaluate.main()
    results = json.loads(paths.EVALUATION.read_text())
    assert (results["accuracy"], results["inductive"]) == (plain["accuracy"], plain["inductive"])
    together, each = results["confidence"]["model"], results["confidence"]["inductive"]
    assert together["before"] == plain["confidence"]["model"]["before"]
    assert together["after"]["ece"] == pytest.approx(abs(results["accuracy"] - 20), abs=1e-3)
    wrong = 100 - results["inductive"]["accuracy"]
    assert each["after"]["ece"] == pytest.approx(wrong, abs=1e-2)
    assert sum(together["after"]["bins"]["answers"]) == 12 * 5 * 2
    assert sum(each["after"]["bins"]["answers"]) == 7 * 5 * 2
    said = f"off by {together['after']['ece']:.1f} points on average (ECE), "
    assert f"confidence, 1-shot: {said}" in capsys.readouterr().out
    metrics = evaluate._metrics(results)
    assert metrics["ece_1shot"] == together["after"]["ece"]
    assert metrics["ece_before_1shot"] == together["before"]["ece"]
    assert metrics["inductive_ece_1shot"] == each["after"]["ece"]
    assert "ece_2shot" in metrics
    report.main()
    page = (paths.REPORT / "report.md").read_text()
    assert f"- CLIP-SPM: {said}" in page
    assert "- CLIP-SPM, inductive: off by " in page
    assert "](reliability.png)" in page


def test_hashes_tell_parameters_and_models_apart(workspace: Path) -> None:
    evaluate.main()
    before = json.loads(paths.EVALUATION.read_text())["hashes"]
    document = read_yaml(params.PARAMS)
    document["evaluate"]["seed"] = 1
    write(document)
    save_model(models.build(seed=1).float(), paths.MODEL)
    evaluate.main()
    after = json.loads(paths.EVALUATION.read_text())["hashes"]
    assert before["data"] == after["data"]
    assert before["parameters"] != after["parameters"]
    assert before["model"] != after["model"]


@pytest.mark.parametrize(
    ("changed", "others"),
    [
        ({"evaluate": {"seed": 1}}, True),
        ({"evaluate": {"query": 1}}, True),
        ({"evaluate": {"episodes": 11}}, True),
        ({"evaluate": {"shots": [2, 1]}}, True),
        ({"episode": {"way": 4}}, True),
        ({"evaluate": {"shots": [1]}}, False),  # the headline is still 1-shot
        ({"evaluate": {"batch": 3, "inductive_episodes": 2}}, False),
    ],
)
def test_the_hash_of_the_episodes_names_what_decides_them(
    workspace: Path, changed: dict, others: bool
) -> None:
    before = episodes_hash()
    document = read_yaml(params.PARAMS)
    for section, values in changed.items():
        document[section] |= values
    write(document)
    assert (episodes_hash() != before) == others


def test_the_hash_of_the_episodes_is_that_of_the_test_clips_not_of_their_frames(
    workspace: Path,
) -> None:
    before = episodes_hash()
    index = paths.FRAMES / "index.parquet"
    table = pq.read_table(index)
    (paths.FRAMES / "shard.h5").rename(paths.FRAMES / "other.h5")
    place = table.schema.get_field_index("shard")
    renamed = table.set_column(place, "shard", pa.array(["other.h5"] * len(table)))
    pq.write_table(renamed, index)
    assert episodes_hash() == before
    for split, others in (("train", False), ("test", True)):
        ids = [name.replace(f"{split}_class0/000", "a") for name in table["id"].to_pylist()]
        pq.write_table(renamed.set_column(0, "id", pa.array(ids)), index)
        assert (episodes_hash() != before) == others


def episodes_hash() -> str:
    evaluate.main()
    return json.loads(paths.EVALUATION.read_text())["hashes"]["episodes"]


def test_inductive_beside_the_papers_protocol(workspace: Path) -> None:
    document = read_yaml(params.PARAMS)
    document["evaluate"]["inductive_episodes"] = 7
    write(document)
    evaluate.main()
    results = json.loads(paths.EVALUATION.read_text())
    assert results["inductive"] == results["shots"]["1"]["inductive"]
    assert results["shots"]["2"]["inductive"]["episodes"] == 7
    rows = pq.read_table(paths.EPISODES)
    assert rows["inductive"].to_pylist()[7:12] == [None] * 5
    mean = np.mean(rows["inductive"].to_pylist()[:7])
    assert results["inductive"]["accuracy"] == pytest.approx(mean, abs=1e-3)
    report.main()
    shown = f"as if it were alone: {results['inductive']['accuracy']:.2f} ±"
    assert shown in (paths.REPORT / "report.md").read_text()

    document = read_yaml(params.PARAMS)
    document["evaluate"] |= {"inductive_episodes": 0, "unknown_episodes": 0}
    write(document)
    evaluate.main()
    assert json.loads(paths.EVALUATION.read_text())["inductive"] is None
    report.main()
    assert "alone" not in (paths.REPORT / "report.md").read_text()


def test_without_padm_the_inductive_number_is_the_same_and_costs_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ClipSPM, "classify_each", None)
    save_model(models.build(padm=False).float(), paths.MODEL)
    document = read_yaml(params.PARAMS)
    document["evaluate"]["unknown_episodes"] = 0  # whose queries are each alone
    write(document)
    evaluate.main()
    results = json.loads(paths.EVALUATION.read_text())
    assert results["inductive"] == {
        name: results[name] for name in ("accuracy", "ci95", "episodes")
    }
    assert "inductive" in pq.read_table(paths.EPISODES).column_names
    assert json.loads(paths.METRICS.read_text())["inductive"] == results["accuracy"]
    assert not results["transductive"]
    assert "CLIP-SPM, inductive" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "title", "baselines"),
    [
        ({"method": "otam"}, "OTAM", {"mean_pooled_cosine", "zero_shot"}),
        (
            {"method": "protonet", "variant": "cosine"},
            "ProtoNet (cosine)",
            {"mean_pooled_cosine", "zero_shot"},
        ),
        (
            {"method": "protonet", "variant": "euclidean"},
            "ProtoNet (euclidean)",
            {"mean_pooled_cosine", "zero_shot"},
        ),
        ({"method": "mean_pooled_cosine"}, "mean-pooled cosine", {"zero_shot"}),
        ({"method": "zero_shot"}, "zero-shot class text", {"mean_pooled_cosine"}),
    ],
)
def test_a_method_is_shown_by_its_title_and_not_beside_itself(
    workspace: Path,
    values: dict,
    title: str,
    baselines: set[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    prompts(PromptFeatures.load(paths.PROMPTS).classes, trained=True)
    save_model(models.build(**values).float(), paths.MODEL)
    evaluate.main()
    results = json.loads(paths.EVALUATION.read_text())
    assert results["title"] == title
    assert set(results["baselines"]) == baselines
    table = capsys.readouterr().out
    assert table.count(f"  {title} ") == 2, "two shots"
    uses_text = values["method"] == "zero_shot"
    assert f"\ntext: {'trained' if uses_text else 'not used'}\n" in table


def test_the_report_of_an_inductive_method_without_texts(workspace: Path) -> None:
    save_model(models.build(method="mean_pooled_cosine").float(), paths.MODEL)
    evaluate.main()
    report.main()
    page = (paths.REPORT / "report.md").read_text()
    assert "text: not used" in page
    assert "Transductive accuracies are not comparable with this inductive one." in page
    for absent in ("Text:", "as if it were alone", "The baselines classify"):
        assert absent not in page


def test_too_few_clips_after_decoding_are_an_error(workspace: Path) -> None:
    document = read_yaml(params.PARAMS)
    document["evaluate"]["query"] = 6
    write(document)
    with pytest.raises(DataError, match="test_class0 \\(6\\)"):
        evaluate.main()
    assert not paths.RESULTS.exists()


@pytest.mark.slow
def test_report_is_complete_and_the_same_each_time(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main()
    paths.REPORT.mkdir()
    (paths.REPORT / "alignment_9.png").write_text("of an earlier run")
    report.main()
    first = hashes(paths.REPORT)
    report.main()
    assert hashes(paths.REPORT) == first
    page = (paths.REPORT / "report.md").read_text()
    shown = [line.split("](")[1].rstrip(")") for line in page.splitlines() if line[:2] == "!["]
    assert sorted([*shown, "report.md", "report.html"]) == sorted(first)
    assert set(first) > {
        *("learning_curve.png", "per_class.png", "confusion.png", "unknown.png"),
        *("reliability.png", "feature_map.png", "alignment_3.png", "heat_3.png"),
    }
    page_alone = Page((paths.REPORT / "report.html").read_text())
    assert_needs_nothing_else(page_alone, pictures=len(shown))
    assert "after CLIP-SPM" in page
    assert "Inductive accuracies are not comparable with this transductive one." in page
    assert "The baselines classify" in page
    assert "untrained" in page
    assert "CLIP-SPM" in capsys.readouterr().out


def test_without_umap_the_report_says_how_to_get_it(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate.main()
    monkeypatch.setitem(sys.modules, "umap", None)
    report.main()
    page = (paths.REPORT / "report.md").read_text()
    assert "`pip install -e .[umap]`" in page
    assert "silhouette" not in page.lower()
    assert not (paths.REPORT / "feature_map.png").exists()


def test_a_tower_without_known_places_leaves_heat_out_alone(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConfigError("no heat map of NAME: its activations have no known places")

    evaluate.main()
    monkeypatch.setattr(report, "heat_map", refuse)
    report.main()
    page = (paths.REPORT / "report.md").read_text()
    assert "Left out: no heat map of NAME" in page
    assert "alignment_3.png" in page
    assert not (paths.REPORT / "heat_1.png").exists()


def test_a_query_that_no_place_speaks_for_is_said_to_be_so(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cold(_: object, pixels: torch.Tensor, *__: object, label: int) -> Any:
        return np.zeros(pixels.shape[:3], np.float32)

    evaluate.main()
    monkeypatch.setattr(report, "heat_map", cold)
    report.main()
    page = (paths.REPORT / "report.md").read_text()
    assert page.count("No place speaks for it") == 3


@pytest.mark.slow
def test_a_method_without_features_of_a_query_has_the_map_of_the_tower(workspace: Path) -> None:
    save_model(models.build(method="otam").float(), paths.MODEL)
    evaluate.main()
    report.main()
    page = (paths.REPORT / "report.md").read_text()
    assert "Of these alone: the method compares them as they are" in page
    assert "features of the tower " in page
    assert "after OTAM" not in page


def test_report_of_a_model_that_was_not_trained_here(workspace: Path) -> None:
    paths.TRAIN_CURVES.write_text(CURVES.splitlines()[0] + "\n")
    evaluate.main()
    report.main()
    assert "Not trained here" in (paths.REPORT / "report.md").read_text()
    assert not (paths.REPORT / "learning_curve.png").exists()


def test_confusion_file_is_square(workspace: Path) -> None:
    evaluate.main()
    with open(paths.CONFUSION, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36
    assert sum(int(row["queries"]) for row in rows) == 12 * 5 * 2


def test_queries_of_other_classes_beside_a_headline_that_does_not_change(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(with_background(models.build().float()), paths.MODEL)
    change("evaluate", unknown_episodes=0)
    evaluate.main()
    without = json.loads(paths.EVALUATION.read_text())
    assert without["unknown"] is None
    assert "none of the classes" not in capsys.readouterr().out
    report.main()
    assert "None of these" not in (paths.REPORT / "report.md").read_text()
    assert not (paths.REPORT / "unknown.png").exists()
    assert paths.UNKNOWN.read_text() == "actual,taken_for,queries,percent\n"

    change("evaluate", unknown_episodes=7, unknown_query=3)
    evaluate.main()
    found = json.loads(paths.EVALUATION.read_text())
    measured = found["unknown"]
    assert measured == found["shots"]["1"]["unknown"] != found["shots"]["2"]["unknown"]
    assert (measured["episodes"], measured["queries"]) == (7, 3)
    assert set(measured["scores"]) == set(SCORES)
    assert measured["promise"]["promised"] == 10
    assert measured["promise"]["way"] == 4  # of 5 validation classes one stays unknown
    assert capsys.readouterr().out.count("none of the classes, ") == 2
    with open(paths.UNKNOWN, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 7
    asked = sum(int(row["queries"]) for row in rows)
    passed = sum(int(row["queries"]) for row in rows if row["taken_for"])
    assert asked == 7 * 3
    assert measured["promise"]["false_alarms"] == pytest.approx(100 * passed / asked, abs=1e-3)
    report.main()
    page = (paths.REPORT / "report.md").read_text()
    assert page.count("came out: ") == 3  # that of the headline, and of both shots
    assert "“none”, rejected by that threshold" in page
    new = {"hashes", "unknown", "shots"}
    assert {key: found[key] for key in found.keys() - new} == {
        key: without[key] for key in without.keys() - new
    }
    assert found["hashes"]["episodes"] == without["hashes"]["episodes"]


def test_where_all_classes_are_in_each_episode_no_query_is_unknown(workspace: Path) -> None:
    document = read_yaml(params.PARAMS)
    document["episode"]["way"] = 6
    write(document)
    evaluate.main()
    assert json.loads(paths.EVALUATION.read_text())["unknown"] is None


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        (paths.MANIFEST, "manifest"),
        (paths.FRAMES / INDEX, "frames"),
        (paths.PROMPTS, "prompts"),
    ],
)
def test_evaluate_names_what_is_damaged_and_its_stage_before_it_works(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, path: Path, stage: str
) -> None:
    measured = counted(monkeypatch, "measure_model")
    for damage, said in (
        (cut, told("a result that is damaged")),
        (Path.unlink, told("a result that is missing")),
    ):
        damage(path)
        with pytest.raises(DataError) as error:
            evaluate.main()
        assert said.fullmatch(str(error.value))
        assert str(path) in str(error.value)
        assert str(error.value).endswith(f" {stage}")
    assert not measured


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        (paths.EVALUATION, "evaluate"),
        (paths.PER_CLASS, "evaluate"),
        (paths.CONFUSION, "evaluate"),
        (paths.UNKNOWN, "evaluate"),
        (paths.TRAIN_CURVES, "train"),
    ],
)
def test_the_report_names_what_is_damaged_and_its_stage(
    workspace: Path, path: Path, stage: str
) -> None:
    evaluate.main()
    for damage, said in ((cut, "is damaged"), (Path.unlink, "is missing")):
        damage(path)
        with pytest.raises(DataError, match=rf"^{path} {said}.* {stage}$"):
            report.main()
