"""Prints evaluate.json as a table, the last output of a run.

`clip-spm table`, or `python -m spm.results.accuracy_table`, prints the same table.
"""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument

from spm.base import command
from spm.base.command_line import PathCommand, new_app, run_app
from spm.base.errors import DataError
from spm.base.made_files import read_json
from spm.config.model import method_config
from spm.results.confidence_words import confidence_lines
from spm.results.text_words import CONTROLS, text_state, worth_lines
from spm.results.unknown_words import unknown_lines

app = new_app()

KEYS = frozenset(
    {
        *("dataset", "title", "backbone", "start", "way", "query", "episodes", "shots"),
        *("protocol", "transductive", "inductive", "selection", "coverage"),
        *("text", "text_control", "text_controls", "confidence", "unknown"),
    }
)
"""The keys of evaluate.json that the table shows."""
_MIN_NAME_WIDTH = 20
"""So that the tables of most methods have the same columns."""
FILE = "evaluate.json"
_REMEDY = "run `dvc repro` to make it anew"


def accuracy_table(results: dict[str, Any]) -> str:
    """The content of evaluate.json as aligned text, one row for each shot and classifier.

    motion · builtin-clip · 10000 episodes, 4 queries per class · test split, selected on validation

      way  shot  classifier                    accuracy    95 %  paper
        5     1  CLIP-SPM                         93.12   ±0.11      -
        5     1  CLIP-SPM, inductive              91.80   ±0.12      -
        5     1  CLIP-SPM, zero text at test      92.70   ±0.25      -
        …
        5     1  mean-pooled cosine               61.40   ±0.20      -

    transductive: …
    inductive: each query alone, over the first 2000 episodes
    confidence: off by 2.1 points on average (ECE), 6.3 before calibration (temperature 1.83)
    confidence, inductive: …
    none of the classes, 1-shot: AUROC 87.4 (86.1 to 88.6), …
      promised by validation, 5-way 1-shot: 10 % false alarms; came out: 12.4 % (10.9 to 13.8), …
    started from: the weights openai of RN50-quickgelu
    text: trained
    what the text is worth at test, in points, paired over the first 2000 episodes:
      1-shot: +0.35 ± 0.12 over zero text, …
    test clips: 288 of the 288 found (100.0 %)

    Only a transductive method has rows and lines for its inductive answers, and only one that takes
    texts has rows with other texts than the classes' own.
    """
    lines = [_title(results), "", *_rows(results), "", results["protocol"]]
    if results["transductive"] and results["inductive"]:
        alone = results["inductive"]["episodes"]
        lines.append(f"inductive: each query alone, over the first {alone} episodes")
    lines += [*confidence_lines(results), *unknown_lines(results), *_origins(results)]
    lines += [*worth_lines(results), *_data(results)]
    return "\n".join(lines)


def accuracy_rows(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """The head, and way, shot, classifier, accuracy, interval and the paper's accuracy of each."""
    return [("way", "shot", "classifier", "accuracy", "95 %", "paper")] + [
        (str(results["way"]), shot, name, *_numbers(measured), _paper(paper))
        for shot, summary in results["shots"].items()
        for name, measured, paper in _classifiers(results, summary)
    ]


def origin_lines(results: dict[str, Any]) -> list[str]:
    """What the model was made of, and what it was measured on."""
    return [*_origins(results), *_data(results)]


def _origins(results: dict[str, Any]) -> list[str]:
    return [
        f"started from: {results['start']}",
        f"text: {text_state(results['text'], control=results['text_control'])}",
    ]


def _title(results: dict[str, Any]) -> str:
    return (
        f"{results['dataset']} · {results['backbone']} · {results['episodes']} episodes, "
        f"{results['query']} queries per class · test split, selected on {results['selection']}"
    )


def _data(results: dict[str, Any]) -> list[str]:
    """Lines about the data: the benchmark, how many of its test clips were found, and whether they
    had a part in the training."""
    coverage = results["coverage"]
    lines = [line for line in (coverage["line"], coverage["splits"]["test"]["line"]) if line]
    if results["selection"] == "test":
        lines.append("selected on the test split: no estimate of the accuracy on unseen classes")
    return lines


def _rows(results: dict[str, Any]) -> list[str]:
    """The head and a row for each shot and classifier, in columns."""
    rows = accuracy_rows(results)
    width = max(_MIN_NAME_WIDTH, *(len(name) for _, _, name, *_ in rows))
    return [
        f"  {way:>3}  {shot:>4}  {name:<{width}}  {accuracy:>8}  {interval:>6}  {paper:>5}"
        for way, shot, name, accuracy, interval, paper in rows
    ]


def _classifiers(
    results: dict[str, Any], summary: dict[str, Any]
) -> list[tuple[str, dict[str, Any], float | None]]:
    """Name, accuracy with interval, and the paper's accuracy, of all classifiers of one shot."""
    title = results["title"]
    found = [(title, summary, summary["paper"])]
    if results["transductive"] and summary["inductive"]:
        found.append((f"{title}, inductive", summary["inductive"], None))
    if controls := summary["text_controls"]:
        found += [(f"{title}, {name}", controls[key], None) for key, name in CONTROLS.items()]
    baselines = summary["baselines"].items()
    return found + [(method_config(name).title, numbers, None) for name, numbers in baselines]


def _numbers(measured: dict[str, Any]) -> tuple[str, str]:
    return f"{measured['accuracy']:.2f}", f"±{measured['ci95']:.2f}"


def _paper(accuracy: float | None) -> str:
    return "-" if accuracy is None else f"{accuracy:.1f}"


@app.command(cls=PathCommand)
def table(
    results: Annotated[
        Path, Argument(metavar="FILE", parser=Path, help="as data/results/evaluate.json")
    ],
) -> None:
    """Prints the accuracies of an evaluation as a table."""
    print(accuracy_table(read_results(results)))


def read_results(path: Path) -> dict[str, Any]:
    """The content of evaluate.json. Raises DataError for a file that is missing or unusable."""
    if path.is_dir() or path.name != FILE:
        _check_elsewhere(path)
    results = read_json(path, stage="evaluate")
    if missing := sorted(KEYS - results.keys()):
        raise DataError(
            f"{path} is not an evaluate.json of this version, it lacks {', '.join(missing)}: "
            f"{_REMEDY}"
        )
    return results


def _check_elsewhere(path: Path) -> None:
    """Raises DataError for a folder, and for a file that is not there: no stage makes these."""
    if path.is_dir():
        places = (path / FILE, path / "data/results" / FILE)
        inside = next((each for each in places if each.is_file()), places[1].relative_to(path))
        raise DataError(
            f"{path.absolute()} is a folder: give the file of an evaluation, as {inside}"
        )
    if not path.is_file():
        raise DataError(
            f"there is no file {str(path)!r}: give that of an evaluation, as "
            "data/results/evaluate.json"
        )


def main() -> int:
    return run_app(app, prog="python -m spm.results.accuracy_table")


if __name__ == "__main__":
    command.run(main)
