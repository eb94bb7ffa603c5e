"""What each row of a grid costs, beside its accuracy: python -m bench.method_costs methods

parameters   those that training changes, of the tower too where it is trained
training     an episode of an optimizer step (train.accumulate episodes), on stored features where
             the tower is frozen
evaluation   an episode of 500 on 290 encoded clips, preparing them included
memory       the most that a training episode and an evaluation batch took, of this process's
             memory beyond the model and its inputs

5-way 1-shot with 4 queries a class, random weights and clips, one thread. Each row is measured in a
process of its own, on a machine without other work. Writes <grid>.json, and, where the grid was run
(data/experiments/<grid>/table.parquet), a page and a picture of accuracy over time, to data/bench.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from matplotlib.figure import Figure

from bench.frozen import EPISODE, optimizer_step
from bench.gpu_case import evaluation_seconds
from bench.models import pixels
from bench.timing import in_words, interleaved
from pipeline.grids.grid import Grid, Row, load_grid
from pipeline.presets.parameters import apply
from spm.base import command
from spm.base.yaml_file import read_yaml
from spm.config.train import TrainConfig
from spm.model.model import FewShotModel, build_model
from spm.model.spec import ModelSpec

FOLDER = Path("data/bench")
_TABLES = Path("data/experiments")
_PARAMS = Path(__file__).parent.parent / "params.yaml"
_TRAIN_CLASSES = 30
_EVALUATED, _CLIPS_PER_CLASS = 500, 29
_MB = 1e6


@dataclass(frozen=True)
class Cost:
    """What a row costs."""

    parameters: int
    training_ms: float | None
    """None: nothing is trained."""
    evaluation_ms: float
    memory_mb: float


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(prog="python -m bench.method_costs", description=__doc__)
    parser.add_argument("grid", help="the name of a grid, or its file")
    parser.add_argument("--row", help="measure this row alone, and print it as JSON")
    asked = parser.parse_args()
    grid = load_grid(asked.grid, document=read_yaml(_PARAMS))
    if asked.row is not None:
        print(json.dumps(asdict(measure(grid.rows[asked.row]))))
        return
    costs = {}
    for name in grid.rows:
        costs[name] = in_own_process(name, grid=grid)
        print(f"{name:<16}{_words(costs[name])}", flush=True)
    write(grid, costs)


def in_own_process(row: str, *, grid: Grid) -> Cost:
    """`measure` in a new process, whose memory holds nothing of another row."""
    command_line = [sys.executable, "-m", "bench.method_costs", grid.given, "--row", row]
    done = subprocess.run(command_line, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def measure(row: Row, *, rounds: int = 5, evaluated: int = _EVALUATED) -> Cost:
    """The cost of a row of the grid, in this process."""
    document = apply(read_yaml(_PARAMS), row.overrides)
    model, config = _model(document), TrainConfig(**document["train"])
    trained = [each for each in model.parameters() if each.requires_grad] if config.episodes else []
    clips = pixels(EPISODE.clips, size=model.image_size)
    if model.has_frozen_part:
        clips = model.encode_frozen(clips)
    before, training = _reset_peak(), None
    if trained:
        step = optimizer_step(model, clips, config=config, together=1, classes=_TRAIN_CLASSES)
        training = interleaved({"step": step}, rounds=rounds)["step"] / config.accumulate
    seconds = evaluation_seconds(
        model,
        shot=EPISODE.shot,
        episodes=evaluated,
        batch=document["evaluate"]["batch"],
        clips_per_class=_CLIPS_PER_CLASS,
    )
    return Cost(
        sum(each.numel() for each in trained),
        None if training is None else training * 1e3,
        seconds / evaluated * 1e3,
        (_peak() - before) / _MB,
    )


def write(grid: Grid, costs: Mapping[str, Cost]) -> None:
    """The costs as JSON; with accuracies, the page and the picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = {name: asdict(cost) for name, cost in costs.items()}
    (FOLDER / f"{grid.name}.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    table = _TABLES / grid.name / "table.parquet"
    if not table.is_file():
        print(f"no accuracies: `clip-spm experiments {grid.given}` writes {table}")
        return
    measured = {each["row"]: each for each in pq.read_table(table).to_pylist()}
    page = FOLDER / f"{grid.name}.md"
    page.write_text(markdown(costs, measured), encoding="utf-8")
    _picture(FOLDER / f"{grid.name}.png", grid, costs, measured)
    print(f"written to {FOLDER}")


def markdown(costs: Mapping[str, Cost], measured: Mapping[str, Mapping[str, Any]]) -> str:
    """A line for each row: its accuracies, as the grid's table has them, then what it costs."""
    columns = ["", "accuracy", "spread", "inductive", "difference", "text at test", "parameters"]
    columns += ["training, ms", "evaluation, ms", "memory, MB"]
    lines = [_line(columns), _line(["---", *["---:"] * (len(columns) - 1)])]
    for name, cost in costs.items():
        found = measured.get(name, {})
        cells = [
            name,
            *(_number(found.get(key), "{:.2f}") for key in ("accuracy", "spread", "inductive")),
            _with_interval(found.get("difference"), found.get("ci95")),
            _with_interval(found.get("text_worth"), found.get("text_worth_ci95")),
            f"{cost.parameters:,}",
            _number(cost.training_ms, "{:.1f}"),
            f"{cost.evaluation_ms:.2f}",
            f"{cost.memory_mb:.0f}",
        ]
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _with_interval(value: float | None, interval: float | None) -> str:
    return "-" if value is None else f"{value:+.2f} ± {interval:.2f}"


def _picture(
    path: Path, grid: Grid, costs: Mapping[str, Cost], measured: Mapping[str, Mapping[str, Any]]
) -> None:
    """Accuracy over the time of an evaluation episode."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.add_subplot()
    places = {
        name: (cost.evaluation_ms, measured[name]["accuracy"])
        for name, cost in costs.items()
        if name in measured and measured[name]["accuracy"] is not None
    }
    for name, place in places.items():
        beside = any(_close_on_the_right(place, other) for other in places.values())
        side, along = ((-5, 5), "right") if beside else ((5, 5), "left")
        axes.scatter(*place, color="C0", s=20)
        axes.annotate(name, place, side, textcoords="offset points", ha=along, fontsize=8)
    axes.set_xscale("log")
    axes.margins(0.15, 0.05)
    axes.set_xlabel("ms for an evaluation episode, one thread (the tower's clips encoded before)")
    axes.set_ylabel("accuracy, %")
    axes.set_title(grid.title, fontsize=10)
    figure.savefig(path, dpi=120, format="png")


def _close_on_the_right(place: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether a label on the right of `place` would lie on `other`."""
    return place[0] < other[0] < 2 * place[0] and abs(place[1] - other[1]) < 2


def _model(document: Mapping[str, Any]) -> FewShotModel:
    """The model that the sections describe, with random weights."""
    sections = {name: document[name] for name in ("backbone", "model", "frames", "prompts")}
    sections["backbone"] = sections["backbone"] | {"weights": None}
    return build_model(
        ModelSpec(**sections, selection="validation", train_classes=_TRAIN_CLASSES)
    ).eval()


def _reset_peak() -> int:
    """Makes `_peak` start anew (Linux); returns the bytes that the process has now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _peak()


def _peak() -> int:
    """The most bytes that this process had in memory since `_reset_peak`."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _words(cost: Cost) -> str:
    return in_words({name: value for name, value in asdict(cost).items() if value is not None})


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


if __name__ == "__main__":
    command.run(main)
