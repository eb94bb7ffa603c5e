"""Writes report.md: numbers, pictures, and notes on how to read them."""

from collections.abc import Sequence
from typing import Any

from spm.report.alignment_examples import AlignmentExample
from spm.results.accuracy_table import accuracy_table
from spm.results.confidence_words import by_title, off_by
from spm.results.text_words import CONTROLS, text_state, worth
from spm.results.unknown_words import NAMES, promise, telling


def report_page(
    results: dict[str, Any], *, examples: Sequence[AlignmentExample], has_curve: bool
) -> str:
    """The page as Markdown. results: content of evaluate.json. Pictures lie beside the page."""
    sections = [
        f"# {results['dataset']}: {_headline(results)}",
        f"```\n{accuracy_table(results)}\n```",
        _reading(results),
        "## Training",
        _picture("learning curve", "learning_curve.png") if has_curve else "Not trained here.",
        "## Classes",
        _picture("accuracy per class", "per_class.png"),
        _picture("confusion matrix", "confusion.png"),
        "An episode offers only some of the classes, so a class is confused with those it met.",
        *_confidence(results),
        *_unknown(results),
        *_alignments(examples),
        "## What was measured",
        _hashes(results["hashes"]),
    ]
    return "\n\n".join(sections) + "\n"


def _confidence(results: dict[str, Any]) -> list[str]:
    """The section on confidence; empty if none was measured."""
    kinds = by_title(results)
    if not kinds:
        return []
    return [
        "## Confidence",
        _picture("reliability", "reliability.png"),
        "Each point is the answers whose most probable class has about the same probability: on "
        "the dotted line as many of them are right as it says. Below, the number of answers.",
        "\n".join(f"- {title}: {off_by(measured)}." for title, measured in kinds.items()),
        "A temperature is fitted on episodes of the validation split, and measured here on other "
        "classes. It promises nothing for another number of classes or of supports.",
    ]


def _unknown(results: dict[str, Any]) -> list[str]:
    """The section on clips that are none of the classes; empty if none were asked."""
    measured = results["unknown"]
    if not measured:
        return []
    rows = [f"- {NAMES[name]}: {telling(score)}." for name, score in measured["scores"].items()]
    return [
        "## None of these",
        f"In the first {measured['episodes']} episodes, one query of each class and "
        f"{measured['queries']} of other classes, each alone. How well a score tells them apart:",
        "\n".join(rows),
        f"The threshold by which a recognizer says so: {promise(measured['promise'])}.",
        "Intervals are those of a bootstrap over episodes; other classes are not in them.",
    ]


def _alignments(examples: Sequence[AlignmentExample]) -> list[str]:
    """The section on alignments; empty if there are no examples."""
    pictures = [_alignment(example, number) for number, example in enumerate(examples, start=1)]
    return ["## Alignments", _alignment_legend(), *pictures] if pictures else []


def _headline(results: dict[str, Any]) -> str:
    return (
        f"{results['accuracy']:.2f} ± {results['ci95']:.2f} %, "
        f"{results['way']}-way {results['shot']}-shot"
    )


def _reading(results: dict[str, Any]) -> str:
    lines = [
        f"- Mean over {results['episodes']} episodes of the test split, whose classes were never "
        "trained on; ± is the 95 % interval of the mean.",
        f"- Protocol: {results['protocol']}. {_not_comparable(results)}",
        *_inductive(results),
        f"- The checkpoint was selected on the {results['selection']} split.",
    ]
    if results["baselines"]:
        lines.append(
            "- The baselines classify the same features in the same episodes and learn nothing."
        )
    lines += _text_controls(results)
    if results["text"] == "untrained":
        lines.append(
            "- Text: untrained. Class texts went through a tower with random weights: they tell "
            "classes apart, but carry no meaning."
        )
    return "\n".join(lines)


def _not_comparable(results: dict[str, Any]) -> str:
    if results["transductive"]:
        return "Inductive accuracies are not comparable with this transductive one."
    return "Transductive accuracies are not comparable with this inductive one."


def _inductive(results: dict[str, Any]) -> list[str]:
    """The line on the inductive accuracy; empty if it was not measured, or is the accuracy."""
    if not (results["transductive"] and results["inductive"]):
        return []
    alone = results["inductive"]
    numbers = f"{alone['accuracy']:.2f} ± {alone['ci95']:.2f} %"
    return [
        f"- Inductive, each query classified as if it were alone: {numbers}, over the first "
        f"{alone['episodes']} of these episodes."
    ]


def _text_controls(results: dict[str, Any]) -> list[str]:
    """The lines on the model's own control, and on the controls measured at test."""
    if results["text_control"] != "none":
        return [f"- Text: {text_state(results['text'], control=results['text_control'])}."]
    controls = results["text_controls"]
    if not controls:
        return []
    points = [(name, *worth(controls, control=key)) for key, name in CONTROLS.items()]
    said = "; ".join(f"{name}, {mean:+.2f} ± {interval:.2f}" for name, mean, interval in points)
    return [
        "- What the text is worth: points of accuracy with the classes' own texts above that with "
        f"other texts at test: {said} (first {controls['episodes']} episodes, paired). The model "
        "was trained with its own texts; what it would learn without them shows in one trained "
        "with all-zero text (`prompts.control: zero`)."
    ]


def _alignment_legend() -> str:
    return (
        "Query frames run down, frames of a support clip of the predicted class run across. Dark "
        "cells are distant pairs of frames, as the method compares them; discs show how much a "
        "pair weighs in the distance."
    )


def _alignment(example: AlignmentExample, number: int) -> str:
    verdict = "right" if example.right else "wrong"
    caption = (
        f"**{number}. {verdict}**: {example.actual}, taken for {example.predicted} "
        f"({example.probability:.0f} %)"
    )
    return f"{caption}\n\n{_picture(f'alignment {number}', f'alignment_{number}.png')}"


def _hashes(hashes: dict[str, str]) -> str:
    return "\n".join(f"- {name}: `{value}`" for name, value in sorted(hashes.items()))


def _picture(text: str, file: str) -> str:
    return f"![{text}]({file})"
