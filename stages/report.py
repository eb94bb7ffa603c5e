"""Stage `report`: draws the results, and writes a page with the pictures, twice: as data/report/
report.html, one file that needs no other, and as report.md."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spm.base.atomic import atomic_folder
from spm.base.errors import ConfigError
from spm.base.made_files import made_by
from spm.config.report import ReportConfig
from spm.config.runtime import RuntimeConfig
from spm.episodes.device import pick_device
from spm.episodes.sampler import EpisodeSampler
from spm.features.store import ClipStore
from spm.frames.store import FrameStore
from spm.heat.grad_cam import heat_map
from spm.model.model import FewShotModel, load_model
from spm.model.prompts import PromptFeatures
from spm.report.alignment_examples import AlignmentExample, alignment_example
from spm.report.alignment_figure import alignment_figure
from spm.report.as_html import as_html
from spm.report.as_markdown import as_markdown
from spm.report.asked_queries import AskedQuery, ask_queries, frames_of
from spm.report.blocks import Block
from spm.report.clip_vectors import ClipVectors, clip_vectors
from spm.report.feature_map import FeatureMap, feature_maps, has_umap, map_figure
from spm.report.figures import Rows, class_bars, confusion, learning_curve, reliability, save
from spm.report.heat_figure import heat_figure
from spm.report.page import page_blocks, title
from spm.results.accuracy_table import read_results
from spm.results.confidence_words import by_title
from stages.shared import command, params, paths
from stages.shared.clip_store import open_clips
from stages.shared.single_instance import single_instance
from stages.shared.tables import read_rows
from stages.tracking import runs as tracking

_SPLIT = "test"


def main() -> None:
    report, runtime = params.load(report=ReportConfig, runtime=RuntimeConfig)
    results = read_results(paths.EVALUATION)
    with tracking.stage_run(
        "report",
        params={"report": report},
        deps=[
            paths.EVALUATION,
            paths.PER_CLASS,
            paths.CONFUSION,
            paths.UNKNOWN,
            paths.TRAIN_CURVES,
            paths.FRAMES,
            paths.FEATURES,
            paths.PROMPTS,
            paths.MODEL,
        ],
        outs=[paths.REPORT],
    ) as run:
        with atomic_folder(paths.REPORT) as folder:
            blocks = _draw(results, report, runtime, folder)
            page = as_html(blocks, title=title(results), folder=folder)
            (folder / "report.html").write_text(page, encoding="utf-8")
            (folder / "report.md").write_text(as_markdown(blocks), encoding="utf-8")
        run.log_artifact(paths.REPORT)
        run.log_beside(paths.EVALUATION, file=paths.REPORT / "report.html")
    print(f"Report: {paths.REPORT / 'report.html'}, and the same as report.md")


def _draw(
    results: dict[str, Any], report: ReportConfig, runtime: RuntimeConfig, folder: Path
) -> list[Block]:
    """Draws the pictures, and returns the page."""
    curve = read_rows(paths.TRAIN_CURVES)
    _draw_learning_curve(curve, results, folder)
    _draw_classes(results, folder)
    _draw_confusion(folder)
    _draw_unknown(folder)
    _draw_reliability(results, folder)
    tested = _Tested.load(runtime)
    vectors, maps = _draw_maps(tested, results, report, folder)
    asked = _ask(tested, results, report)
    examples = _draw_alignments(tested, asked, folder)
    cold = _draw_heat(tested, asked, folder)
    return page_blocks(
        results, curve=curve, vectors=vectors, maps=maps, asked=asked, examples=examples, cold=cold
    )


def _draw_learning_curve(curve: Rows, results: dict[str, Any], folder: Path) -> None:
    """Without a training there is no curve."""
    if curve:
        figure = learning_curve(curve, selection=results["selection"])
        save(figure, folder / "learning_curve.png")


def _draw_classes(results: dict[str, Any], folder: Path) -> None:
    rows = [row for row in read_rows(paths.PER_CLASS) if row["shot"] == str(results["shot"])]
    save(class_bars(rows, chance=100 / results["way"]), folder / "per_class.png")


def _draw_confusion(folder: Path) -> None:
    rows = read_rows(paths.CONFUSION)
    save(confusion(*_confused(paths.CONFUSION, rows)), folder / "confusion.png")


def _draw_unknown(folder: Path) -> None:
    """Without queries of other classes there is no picture."""
    if rows := read_rows(paths.UNKNOWN):
        rejected = any(row["taken_for"] == "" for row in rows)
        save(confusion(*_confused(paths.UNKNOWN, rows), none=rejected), folder / "unknown.png")


def _confused(path: Path, rows: Rows) -> tuple[list[str], NDArray[np.float64]]:
    """The texts of the classes, and their percentages [classes, columns]."""
    texts = {row["class"]: row["text"] for row in read_rows(paths.PER_CLASS)}
    with made_by("evaluate", path):
        classes = [texts[name] for name in sorted({row["actual"] for row in rows})]
        percent = np.array([float(row["percent"]) for row in rows]).reshape(len(classes), -1)
    return classes, percent


def _draw_reliability(results: dict[str, Any], folder: Path) -> None:
    if kinds := by_title(results):
        save(reliability(kinds), folder / "reliability.png")


@dataclass(frozen=True)
class _Tested:
    """The model, the test clips and the class texts."""

    model: FewShotModel
    store: ClipStore
    frames: FrameStore
    prompts: PromptFeatures

    @classmethod
    def load(cls, runtime: RuntimeConfig) -> "_Tested":
        model = load_model(paths.MODEL).to(pick_device(runtime.device))
        frames = FrameStore(paths.FRAMES)
        return cls(model, open_clips(), frames, PromptFeatures.load(paths.PROMPTS))


def _draw_maps(
    tested: _Tested, results: dict[str, Any], report: ReportConfig, folder: Path
) -> tuple[ClipVectors | None, list[FeatureMap]]:
    """Nothing where UMAP is not installed."""
    if not has_umap():
        return None, []
    vectors = clip_vectors(
        tested.model,
        tested.store,
        classes=tested.store.classes(_SPLIT),
        prompts=tested.prompts,
        shot=results["shot"],
        seed=report.seed,
    )
    maps = feature_maps(vectors, method=results["title"], seed=report.seed)
    if maps:
        figure = map_figure(maps, labels=vectors.labels, texts=vectors.texts)
        save(figure, folder / "feature_map.png")
    return vectors, maps


def _ask(tested: _Tested, results: dict[str, Any], report: ReportConfig) -> list[AskedQuery]:
    sampler = EpisodeSampler(
        tested.store.classes(_SPLIT),
        way=results["way"],
        shot=results["shot"],
        query=results["query"],
        seed=report.seed,
        split=_SPLIT,
    )
    return ask_queries(
        tested.model,
        tested.store,
        sampler=sampler,
        prompts=tested.prompts,
        count=report.queries,
    )


def _draw_alignments(
    tested: _Tested, asked: list[AskedQuery], folder: Path
) -> list[AlignmentExample]:
    found = [alignment_example(tested.model, each, frames=tested.frames) for each in asked]
    examples = [example for example in found if example is not None]
    for number, example in enumerate(examples, start=1):
        save(alignment_figure(example), folder / f"alignment_{number}.png")
    return examples


def _draw_heat(tested: _Tested, asked: list[AskedQuery], folder: Path) -> set[int] | str:
    """The numbers of the pictures without heat; or why a tower has none."""
    cold = set()
    for number, each in enumerate(asked, start=1):
        frames = frames_of(tested.model, tested.frames, each.clip)
        ask = partial(each.logits, tested.model)
        try:
            heat = heat_map(tested.model, torch.tensor(frames), ask, label=each.label)
        except ConfigError as error:
            return str(error)
        if not heat.any():
            cold.add(number)
        save(heat_figure(frames, heat), folder / f"heat_{number}.png")
    return cold


if __name__ == "__main__":
    command.run(single_instance(main))
