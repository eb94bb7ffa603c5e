"""The table of a grid: each row against its baseline, over the same test episodes.

Accuracies are percent, differences percentage points. `E` test episodes.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.grids.grid import Grid, Row
from pipeline.grids.point_records import Measured
from spm.dataset.coverage import describe, name_data
from spm.episodes.scores import mean_and_interval
from spm.results.text_words import text_state, worth

Results = Mapping[tuple[str, int], Measured]
"""(row, seed) -> the point's results; a point that failed or has not run is missing."""
_INTERVAL = (
    "Interval: 95 % of the mean difference over the test episodes, paired: in each episode the "
    "difference is averaged over the seeds first. It covers which episodes were drawn, for the "
    "models that were trained; it does not cover what another seed would have trained, nor other "
    "test classes. For the seeds see the spread (standard deviation of a row's accuracies) and the "
    "range of the differences, one a seed."
)
_TEXT_AT_TEST = (
    "Text at test: points of the trained model with its own class texts above the same model with "
    "all-zero text, in the same test episodes; the mean over seeds. The interval is the mean of "
    "the seeds' intervals, no narrower than that of the mean. A row with `prompts.control: zero` "
    "is trained without texts as well."
)


@dataclass(frozen=True)
class Difference:
    """A row's accuracy minus its baseline's, over the seeds that both have."""

    mean: float
    ci95: float
    """Half the width of the interval that `paired_difference` explains."""
    by_seed: list[float]


@dataclass(frozen=True)
class Summary:
    """A row of the table."""

    row: Row
    by_seed: dict[int, float]
    """Seed -> accuracy."""
    inductive: float | None
    """Mean accuracy with each query classified alone; None if it was not measured."""
    text_worth: tuple[float, float] | None
    """Mean of the points over all-zero text at test, and of their intervals; None: not measured."""
    difference: Difference | None
    """None for a baseline, and for a row without a seed to compare."""

    @property
    def accuracy(self) -> float:
        return float(np.mean(list(self.by_seed.values())))

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds (n - 1); None for a single one."""
        return float(np.std(list(self.by_seed.values()), ddof=1)) if len(self.by_seed) > 1 else None


def summarize(grid: Grid, results: Results) -> list[Summary]:
    """One summary for each row, in the grid's order."""
    return [_summary(row, seeds=grid.seeds, results=results) for row in grid.rows.values()]


def paired_difference(
    ours: Sequence[NDArray[np.float64]], theirs: Sequence[NDArray[np.float64]]
) -> Difference:
    """The mean of ours - theirs: accuracies by episode, one [E] for each seed, in the same order.

    An episode's difference is averaged over the seeds; `ci95` is 1.96 · std / √E of these averages.
    The interval is narrower than that of two independent samples, because a hard episode is hard
    for both rows. It covers the draw of the episodes, not that of the seeds.
    """
    by_episode = np.mean([a - b for a, b in zip(ours, theirs, strict=True)], axis=0)
    mean, interval = mean_and_interval(by_episode)
    by_seed = [float((a - b).mean()) for a, b in zip(ours, theirs, strict=True)]
    return Difference(mean, interval, by_seed)


def table(grid: Grid, summaries: Sequence[Summary]) -> pa.Table:
    """The numbers as columns, unrounded."""
    columns = grid.paper.columns if grid.paper else []
    rows = [_record(each, columns=columns) for each in summaries]
    return pa.Table.from_pylist(rows, schema=_schema(columns))


def markdown(
    grid: Grid,
    summaries: Sequence[Summary],
    *,
    results: Results,
    chosen: Mapping[str, Any] | None = None,
) -> str:
    """The page: table, conditions, what the interval covers, and the command that reruns the grid.

    chosen: row -> the value that validation chose. If no row is compared with another, the page has
    no differences.
    """
    columns = grid.paper.columns if grid.paper else []
    compared = any(each.row.baseline != each.row.name for each in summaries)
    shown = {
        "inductive": any(each.inductive is not None for each in summaries),
        "text at test": any(each.text_worth is not None for each in summaries),
        "difference": compared,
        "by seed": compared,
    }
    head = ["", "accuracy", "spread", *(name for name, is_shown in shown.items() if is_shown)]
    head += [f"paper: {column}" for column in columns]
    body = [_cells(each, grid=grid, summaries=summaries, shown=shown) for each in summaries]
    lines = [f"## {grid.title}", "", *_aligned(head, body), "", *_conditions(results)]
    lines += _choices(grid, chosen or {})
    if grid.paper:
        brackets = "; in brackets its own difference from its baseline" if compared else ""
        lines += [f"Paper: {grid.paper.table}{brackets}.", ""]
    lines += [_INTERVAL, ""] if compared else []
    lines += [_TEXT_AT_TEST, ""] if shown["text at test"] else []
    command = f"python -m pipeline.experiments {shlex.quote(grid.given)}"
    return "\n".join([*lines, f"`{command}`", ""])


def _summary(row: Row, *, seeds: Sequence[int], results: Results) -> Summary:
    measured = {seed: results[row.name, seed] for seed in seeds if (row.name, seed) in results}
    return Summary(
        row,
        {seed: float(each.accuracies.mean()) for seed, each in measured.items()},
        _mean([_inductive(each.results) for each in measured.values()]),
        _text_worth([each.results for each in measured.values()]),
        None if row.baseline == row.name else _difference(row, measured, results=results),
    )


def _mean(found: Sequence[float | None]) -> float | None:
    """The mean over seeds; None if a seed has no number."""
    numbers = [number for number in found if number is not None]
    return float(np.mean(numbers)) if numbers and len(numbers) == len(found) else None


def _inductive(results: Mapping[str, Any]) -> float | None:
    measured = results.get("inductive")
    return measured["accuracy"] if measured else None


def _text_worth(by_seed: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    controls = [each["text_controls"] for each in by_seed if each.get("text_controls")]
    if not controls or len(controls) < len(by_seed):
        return None
    points, intervals = zip(*map(worth, controls), strict=True)
    return float(np.mean(points)), float(np.mean(intervals))


def _difference(row: Row, ours: Mapping[int, Measured], *, results: Results) -> Difference | None:
    """The difference over the seeds that both rows have with the same episodes; None without any.

    The rows may store or sample their frames differently. If decoding rejected different clips, the
    episodes differ, and the rows cannot be compared.
    """
    pairs = [
        (ours[seed], results[row.baseline, seed])
        for seed in ours
        if (row.baseline, seed) in results
        and _episodes(results[row.baseline, seed]) == _episodes(ours[seed])
    ]
    if not pairs:
        return None
    return paired_difference([a.accuracies for a, _ in pairs], [b.accuracies for _, b in pairs])


def _episodes(measured: Measured) -> str:
    return str(measured.results["hashes"]["episodes"])


def _record(summary: Summary, *, columns: Sequence[str]) -> dict[str, Any]:
    difference = summary.difference
    return {
        "row": summary.row.name,
        "baseline": summary.row.baseline,
        "seeds": list(summary.by_seed),
        "accuracy": summary.accuracy if summary.by_seed else None,
        "spread": summary.spread,
        "inductive": summary.inductive,
        "text_worth": summary.text_worth[0] if summary.text_worth else None,
        "text_worth_ci95": summary.text_worth[1] if summary.text_worth else None,
        "difference": difference.mean if difference else None,
        "ci95": difference.ci95 if difference else None,
        "by_seed": difference.by_seed if difference else None,
        **{f"paper: {c}": v for c, v in zip(columns, summary.row.paper, strict=True)},
    }


def _schema(columns: Sequence[str]) -> pa.Schema:
    numbers = ["accuracy", "spread", "inductive", "text_worth", "text_worth_ci95"]
    numbers += ["difference", "ci95", *(f"paper: {column}" for column in columns)]
    types = {"row": pa.string(), "baseline": pa.string(), "seeds": pa.list_(pa.int64())}
    types |= dict.fromkeys(numbers, pa.float64()) | {"by_seed": pa.list_(pa.float64())}
    return pa.schema(types)


def _cells(
    summary: Summary, *, grid: Grid, summaries: Sequence[Summary], shown: Mapping[str, bool]
) -> list[str]:
    """A row's cells as text."""
    row = summary.row
    papers = {each.row.name: each.row.paper for each in summaries}
    reference = papers[row.baseline] if row.baseline != row.name else [None] * len(row.paper)
    optional = [_number(summary.inductive), _points(summary.text_worth)]
    optional += _difference_cells(summary)
    cells = [row.name, *_accuracy(summary, seeds=len(grid.seeds))]
    cells += [cell for cell, is_shown in zip(optional, shown.values(), strict=True) if is_shown]
    return cells + [_paper(a, b) for a, b in zip(row.paper, reference, strict=True)]


def _accuracy(summary: Summary, *, seeds: int) -> list[str]:
    if not summary.by_seed:
        return ["not measured", "-"]
    missing = f" ({len(summary.by_seed)} of {seeds} seeds)" if len(summary.by_seed) < seeds else ""
    return [f"{summary.accuracy:.2f}{missing}", _number(summary.spread)]


def _difference_cells(summary: Summary) -> list[str]:
    difference = summary.difference
    if difference is None:
        return ["-" if summary.row.baseline != summary.row.name else "baseline", "-"]
    by_seed = f"{min(difference.by_seed):+.2f} … {max(difference.by_seed):+.2f}"
    return [f"{difference.mean:+.2f} ± {difference.ci95:.2f}", by_seed]


def _paper(value: float | None, baseline: float | None) -> str:
    """The paper's number, and its difference from the paper's number for the baseline."""
    if value is None:
        return "-"
    return f"{value:.1f} ({value - baseline:+.1f})" if baseline is not None else f"{value:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _points(value: tuple[float, float] | None) -> str:
    return "-" if value is None else f"{value[0]:+.2f} ± {value[1]:.2f}"


def _conditions(results: Results) -> list[str]:
    """The conditions of the measurement; all of them if the rows' conditions differ."""
    if not results:
        return []
    all_results = [measured.results for measured in results.values()]
    setups = dict.fromkeys(
        f"{each['dataset']} · {each['backbone']} · {each['way']}-way · {each['query']} queries per "
        f"class · {each['episodes']} test episodes · text: "
        f"{text_state(each['text'], control=each.get('text_control', 'none'))}"
        for each in all_results
    )
    said = dict.fromkeys(each["protocol"] for each in all_results)
    said |= dict.fromkeys(line for each in all_results for line in _benchmark(each))
    return [
        *(line for setup in setups for line in (setup, "")),
        *(f"- {line}" for line in said),
        "",
    ]


def _benchmark(results: Mapping[str, Any]) -> list[str]:
    """The benchmark's variant, and the coverage of its test split."""
    found = results.get("coverage") or {}  # older records have no coverage
    name = name_data(found)
    return [f"{name}; {describe('test', found['splits']['test'])}"] if name else []


def _choices(grid: Grid, chosen: Mapping[str, Any]) -> list[str]:
    """What validation chose for each row, and among what."""
    said: dict[str, list[str]] = {}
    for row in grid.rows.values():
        for name, values in row.choose.items():
            among = f"{name}, by validation with seed {grid.seeds[0]}, among {values}"
            said.setdefault(among, []).append(f"{row.name} {chosen.get(row.name, '-')}")
    return [line for name, rows in said.items() for line in (f"{name}: {', '.join(rows)}.", "")]


def _aligned(head: list[str], body: Sequence[list[str]]) -> list[str]:
    """A Markdown table with columns of constant width, readable as plain text as well."""
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    rule = [
        f"{'-' * width}" if not n else f"{'-' * (width - 1)}:" for n, width in enumerate(widths)
    ]
    lines = [
        [
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in [head, *body]
    ]
    lines.insert(1, rule)
    return [f"| {' | '.join(cells)} |" for cells in lines]
