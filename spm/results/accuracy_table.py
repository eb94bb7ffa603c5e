"""Prints evaluate.json as a table, the last output of a run.

`clip-spm table`, or `python -m spm.results.accuracy_table`, prints the same table.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from typer import Argument

from spm.base import command
from spm.base.command_line import PathCommand, new_app, run_app
from spm.config.model import method_config

app = new_app()


def accuracy_table(results: dict[str, Any]) -> str:
    """The content of evaluate.json as aligned text, one row for each shot and classifier.

    motion · conv · 10000 episodes, 4 queries per class · test split, selected on validation

      way  shot  classifier          accuracy  95 %   paper
        5     1  CLIP-SPM               93.12 ±0.11       -
        5     1  CLIP-SPM, inductive    91.80 ±0.12       -
        5     1  mean-pooled cosine     61.40 ±0.20       -

    transductive: …
    text: untrained
    test clips: 288 of the 288 found (100.0 %)
    """
    lines = [_title(results), "", _row("way", "shot", "classifier", "accuracy", "95 %", "paper")]
    title = method_config(results["method"]).title
    for shot, summary in results["shots"].items():
        rows = [(title, summary, summary["paper"])]
        if summary["inductive"]:
            rows.append((f"{title}, inductive", summary["inductive"], None))
        for name, baseline in summary["baselines"].items():
            rows.append((method_config(name).title, baseline, None))
        lines += [_result_row(results["way"], shot, *row) for row in rows]
    lines += ["", results["protocol"]]
    if results["inductive"]:
        alone = results["inductive"]["episodes"]
        lines.append(f"inductive: each query alone, over the first {alone} episodes")
    lines += [f"text: {results['text']}", *_data(results["coverage"])]
    if results["selection"] == "test":
        lines.append("selected on the test split: no estimate of the accuracy on unseen classes")
    return "\n".join(lines)


def _title(results: dict[str, Any]) -> str:
    return (
        f"{results['dataset']} · {results['backbone']} · {results['episodes']} episodes, "
        f"{results['query']} queries per class · test split, selected on {results['selection']}"
    )


def _data(coverage: dict[str, Any]) -> list[str]:
    """Lines about the data: the benchmark, and how many of its test clips were found."""
    lines = (coverage["line"], coverage["splits"]["test"]["line"])
    return [line for line in lines if line]


def _result_row(
    way: int, shot: str, name: str, numbers: dict[str, Any], paper: float | None
) -> str:
    accuracy, interval = f"{numbers['accuracy']:.2f}", f"±{numbers['ci95']:.2f}"
    return _row(str(way), shot, name, accuracy, interval, "-" if paper is None else f"{paper:.1f}")


def _row(way: str, shot: str, name: str, accuracy: str, interval: str, paper: str) -> str:
    return f"  {way:>3}  {shot:>4}  {name:<20}  {accuracy:>8}  {interval:>6}  {paper:>5}"


@app.command(cls=PathCommand)
def table(
    results: Annotated[
        Path, Argument(metavar="FILE", parser=Path, help="as data/results/evaluate.json")
    ],
) -> None:
    """Prints the accuracies of an evaluation as a table."""
    print(accuracy_table(json.loads(results.read_text(encoding="utf-8"))))


def main() -> int:
    return run_app(app, prog="python -m spm.results.accuracy_table")


if __name__ == "__main__":
    command.run(main)
