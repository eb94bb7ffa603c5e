"""Stage `report`: draws the results, and writes a page with the pictures, data/report/report.md."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from spm.base.atomic import atomic_folder
from spm.config.report import ReportConfig
from spm.config.runtime import RuntimeConfig
from spm.episodes.device import pick_device
from spm.episodes.sampler import EpisodeSampler
from spm.frames.store import FrameStore
from spm.model.model import load_model
from spm.model.prompts import PromptFeatures
from spm.report.alignment_examples import AlignmentExample, find_examples
from spm.report.alignment_figure import alignment_figure
from spm.report.figures import class_bars, confusion, learning_curve, reliability, save
from spm.report.page import report_page
from spm.results.confidence_words import by_title
from stages.shared import command, params, paths
from stages.shared.clip_store import open_clips
from stages.shared.single_instance import single_instance
from stages.tracking import runs as tracking

_SPLIT = "test"


def main() -> None:
    report, runtime = params.load(report=ReportConfig, runtime=RuntimeConfig)
    results = json.loads(paths.EVALUATION.read_text(encoding="utf-8"))
    with tracking.stage_run(
        "report",
        params={"report": report},
        deps=[
            paths.EVALUATION,
            paths.PER_CLASS,
            paths.CONFUSION,
            paths.TRAIN_CURVES,
            paths.FRAMES,
            paths.FEATURES,
            paths.PROMPTS,
            paths.MODEL,
        ],
        outs=[paths.REPORT],
    ) as run:
        with atomic_folder(paths.REPORT) as folder:
            curve = _draw_learning_curve(folder)
            _draw_classes(results, folder)
            _draw_confusion(folder)
            _draw_reliability(results, folder)
            examples = _examples(results, report, runtime)
            for number, example in enumerate(examples, start=1):
                save(alignment_figure(example), folder / f"alignment_{number}.png")
            page = report_page(results, examples=examples, has_curve=curve)
            (folder / "report.md").write_text(page, encoding="utf-8")
        run.log_artifact(paths.REPORT)
    print(f"Report: {paths.REPORT / 'report.md'}")


def _draw_learning_curve(folder: Path) -> bool:
    """Draws the learning curve. False: the model was not trained, so there is no curve."""
    rows = _rows(paths.TRAIN_CURVES)
    if rows:
        save(learning_curve(rows), folder / "learning_curve.png")
    return bool(rows)


def _draw_classes(results: dict[str, Any], folder: Path) -> None:
    rows = [row for row in _rows(paths.PER_CLASS) if row["shot"] == str(results["shot"])]
    save(class_bars(rows, chance=100 / results["way"]), folder / "per_class.png")


def _draw_confusion(folder: Path) -> None:
    rows = _rows(paths.CONFUSION)
    texts = {row["class"]: row["text"] for row in _rows(paths.PER_CLASS)}
    classes = [texts[name] for name in sorted({row["actual"] for row in rows})]
    percent = np.array([float(row["percent"]) for row in rows]).reshape(len(classes), -1)
    save(confusion(classes, percent), folder / "confusion.png")


def _draw_reliability(results: dict[str, Any], folder: Path) -> None:
    if kinds := by_title(results):
        save(reliability(kinds), folder / "reliability.png")


def _examples(
    results: dict[str, Any], report: ReportConfig, runtime: RuntimeConfig
) -> list[AlignmentExample]:
    store, prompts = open_clips(), PromptFeatures.load(paths.PROMPTS)
    model = load_model(paths.MODEL).to(pick_device(runtime.device))
    sampler = EpisodeSampler(
        store.classes(_SPLIT),
        way=results["way"],
        shot=results["shot"],
        query=results["query"],
        seed=report.seed,
        split=_SPLIT,
    )
    return find_examples(
        model,
        store,
        frames=FrameStore(paths.FRAMES),
        sampler=sampler,
        prompts=prompts,
        count=report.queries,
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    command.run(single_instance(main))
