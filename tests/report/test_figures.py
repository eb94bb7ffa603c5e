"""Pictures: what is drawn, and that the same numbers give the same bytes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spm.episodes.sampler import EpisodeSampler
from spm.frames.store import FrameStore
from spm.model.prompts import PromptFeatures
from spm.nn.otam import alignment
from spm.report.alignment_examples import AlignmentExample, alignment_example
from spm.report.alignment_figure import alignment_figure
from spm.report.asked_queries import AskedQuery, ask_queries
from spm.report.figures import (
    chosen_checkpoint,
    class_bars,
    confusion,
    learning_curve,
    reliability,
    save,
)
from spm.report.heat_figure import heat_figure
from spm.training.history import History
from tests import models
from tests.stores import T, make_store

ROWS = [
    {"step": "10", "loss": "3", "L_CE": "2", "accuracy": "20", "val_accuracy": ""},
    {"step": "20", "loss": "2", "L_CE": "1", "accuracy": "30", "val_accuracy": "25"},
    {"step": "25", "loss": "", "L_CE": "", "accuracy": "", "val_accuracy": "26"},
]


def test_learning_curve_leaves_empty_cells_out() -> None:
    losses, accuracies = learning_curve(ROWS, selection="validation").axes
    assert [line.get_xdata().tolist() for line in losses.lines[:2]] == [[10, 20], [10, 20]]
    train, validation = accuracies.lines[:2]
    assert train.get_ydata().tolist() == [20, 30]
    assert validation.get_xdata().tolist() == [20, 25]
    assert validation.get_label() == "validation split"


def validated(*points: tuple[int, float]) -> list[dict[str, str]]:
    rest = {"loss": "1", "L_CE": "1", "accuracy": "1"}
    return [{"step": str(step), "val_accuracy": str(value), **rest} for step, value in points]


def test_the_chosen_checkpoint_is_the_earliest_of_the_best_as_in_training() -> None:
    history = History(terms=("L_CE",))
    history.validations = [(10, 60.0), (20, 70.5), (30, 70.5), (40, 9.5)]
    rows = validated(*history.validations)
    assert chosen_checkpoint(rows) == history.best() == (20, 70.5)
    assert chosen_checkpoint([]) is None


def test_the_learning_curve_marks_the_chosen_checkpoint() -> None:
    losses, accuracies = learning_curve(validated((10, 60), (20, 70)), selection="test").axes
    (line,) = [each for each in losses.lines if each.get_linestyle() == "--"]
    assert line.get_xdata() == [20, 20]
    star = accuracies.lines[-1]
    assert star.get_label() == "chosen checkpoint"
    assert (star.get_xdata().tolist(), star.get_ydata().tolist()) == ([20], [70])
    assert "test split" in [each.get_label() for each in accuracies.lines]


def test_class_bars_are_sorted_and_skip_classes_without_queries() -> None:
    rows = [
        {"class": "a", "text": "A", "accuracy": "50"},
        {"class": "b", "text": "B", "accuracy": "90"},
        {"class": "c", "text": "C", "accuracy": ""},
    ]
    (axes,) = class_bars(rows, chance=20).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "B"]
    assert [bar.get_width() for bar in axes.patches] == [50, 90]


def test_classes_of_the_same_text_have_a_bar_each() -> None:
    rows = [
        {"class": "pour_tea", "text": "pour tea", "accuracy": "50"},
        {"class": "PourTea", "text": "pour tea", "accuracy": "90"},
    ]
    (axes,) = class_bars(rows, chance=20).axes
    assert len({bar.get_y() for bar in axes.patches}) == 2


def test_confusion_numbers_its_classes() -> None:
    axes = confusion(["up", "down"], np.array([[99.6, 0.4], [25.0, 75.0]])).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["up  1", "down  2"]
    assert [text.get_text() for text in axes.texts] == ["100", "25", "75"]


def test_confusion_of_unknown_queries_has_a_column_of_none() -> None:
    percent = np.array([[60.0, 0.0, 40.0], [100.0, 0.0, 0.0]])
    axes = confusion(["up", "down"], percent, none=True).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["none", "1", "2"]
    assert [text.get_text() for text in axes.texts] == ["60", "40", "100"]


BINS = {"answers": [0, 30, 70], "confidence": [None, 50.0, 90.0], "accuracy": [None, 40.0, 95.0]}
MEASURED = {"temperature": 1.8, "before": {"bins": BINS}, "after": {"bins": BINS}}


def test_a_name_with_dollars_is_no_formula(store: FrameStore, tmp_path: Path) -> None:
    name = r"pay $\foo$ 5"
    example = replace(examples(store, count=1)[0], actual=name, predicted=name)
    rows = [{"class": "a", "text": name, "accuracy": "50.0"}]
    frames, heat = np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 8), np.float32)
    for figure in (
        class_bars(rows, chance=20),
        confusion([name], np.ones((1, 1))),
        alignment_figure(example),
        heat_figure(frames, heat, title=name),
    ):
        save(figure, tmp_path / "a.png")


def test_reliability_has_a_point_for_each_bin_with_answers_and_a_column_for_each_kind() -> None:
    axes = reliability({"CLIP-SPM": MEASURED, "CLIP-SPM, inductive": MEASURED}).axes
    curves = [each for each in axes if each.get_title()]
    assert [each.get_title() for each in curves] == ["CLIP-SPM", "CLIP-SPM, inductive"]
    diagonal, before, after = curves[0].lines
    assert diagonal.get_xdata().tolist() == diagonal.get_ydata().tolist() == [0, 100]
    assert (before.get_xdata().tolist(), before.get_ydata().tolist()) == ([50, 90], [40, 95])
    assert [line.get_label() for line in (before, after)] == ["before calibration", "calibrated"]
    counts = next(each for each in axes if each.get_xlabel() == "confidence (%)")
    assert [patch.get_data().values.tolist() for patch in counts.patches] == [[0, 30, 70]] * 2


def test_the_reliability_of_a_model_that_is_not_calibrated_is_one_line() -> None:
    curve, _ = reliability({"OTAM": MEASURED | {"temperature": None}}).axes
    assert [line.get_label() for line in curve.lines[1:]] == ["not calibrated"]


def test_the_same_numbers_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(learning_curve(ROWS, selection="validation"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert "Software" not in image.info
        assert image.width > 500


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    return make_store(tmp_path_factory.mktemp("frames"), classes={"test": 6})


def asked(store: FrameStore, *, count: int) -> list[AskedQuery]:
    classes = store.classes("test")
    sampler = EpisodeSampler(classes, way=5, shot=2, query=2, seed=0, split="test")
    features = np.random.default_rng(0).normal(size=(1, 6, 16)).astype(np.float32)
    texts = [name.upper() for name in sorted(classes)]
    prompts = PromptFeatures(features, sorted(classes), texts, trained=False)
    model = models.build().float()
    return ask_queries(model, store, sampler=sampler, prompts=prompts, count=count)


def examples(store: FrameStore, *, count: int) -> list[AlignmentExample]:
    found = [
        alignment_example(models.build().float(), each, frames=store)
        for each in asked(store, count=count)
    ]
    return [each for each in found if each is not None]


def test_a_query_is_asked_again_with_other_features(store: FrameStore) -> None:
    """Its logits are those that it was taken for its class by; other features have others."""
    model = models.build().float()
    for each in asked(store, count=4):
        with torch.no_grad():
            own = each.logits(model, each.episode.query[each.number])
            others = each.logits(model, -each.episode.query[each.number])
        probability = model.probabilities(own, transductive=True)[0, each.label]
        assert own.shape == (1, 5)
        assert int(own.argmax()) == each.label
        assert 100 * float(probability) == pytest.approx(each.probability, abs=1e-3)
        assert not torch.allclose(own, others)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_examples_are_as_many_as_asked_and_of_different_classes(
    store: FrameStore, count: int
) -> None:
    found = examples(store, count=count)
    assert len(found) == count
    for right in (True, False):
        actual = [example.actual for example in found if example.right is right]
        assert len(set(actual)) == len(actual)
    assert all(example.right == (example.actual == example.predicted) for example in found)


def test_an_example_holds_the_alignment_of_what_it_shows(store: FrameStore) -> None:
    example = examples(store, count=2)[0]
    assert example.query_frames.shape == example.support_frames.shape == (T, 32, 32, 3)
    assert example.distance.shape == (T, T)
    lam = models.build().method.otam_lambda
    expected = alignment(torch.from_numpy(example.distance), lam=lam)
    assert np.allclose(example.weights, expected)
    assert 20 <= example.probability <= 100


def test_alignment_figure_says_what_was_taken_for_what(store: FrameStore, tmp_path: Path) -> None:
    example = examples(store, count=1)[0]
    figure = alignment_figure(example)
    title = figure.get_suptitle()
    assert example.actual in title
    assert example.predicted in title
    assert ("(right)" if example.right else "(wrong)") in title
    (bar,) = [axes for axes in figure.axes if "distance" in axes.get_ylabel()]
    assert "dark: far" in bar.get_ylabel()
    (shades,) = figure.axes[2].images
    near, far = (sum(shades.cmap(shades.norm(value))[:3]) for value in shades.get_clim())
    assert far < near
    assert shades.get_clim() == (example.distance.min(), example.distance.max())
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[-1] == f"weight {example.weights.max():.2g}"
    save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
