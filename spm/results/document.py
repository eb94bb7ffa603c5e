"""The contents of the evaluation's files: evaluate.json, metrics.json and the tables.

Accuracies are in percent. All content depends on the inputs alone: no time, no path, no commit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from spm.config.model import method_config
from spm.config.prompts import CONTROLS, TextControl
from spm.episodes.evaluation import Ints, Measurement
from spm.episodes.scores import (
    class_accuracies,
    confusion_matrix,
    episode_accuracies,
    mean_and_interval,
)
from spm.episodes.threshold import Threshold
from spm.model.calibration import Calibration
from spm.results.paper_results import paper_accuracy
from spm.results.reliability import confidences, reliability
from spm.results.text_words import worth
from spm.results.unknown import unknown_document

MODEL = "model"
"""The name of the model's `classify` among the classifiers of a measurement."""
INDUCTIVE = "inductive"
"""The name of the model's `classify_each`."""
TEXT: dict[TextControl, str] = {control: f"text_{control}" for control in CONTROLS}
"""The names of the model's `classify` with other texts at test. All other classifiers are
baselines, by method name."""
_DIGITS = 4


@dataclass(frozen=True)
class Conditions:
    """The conditions of a measurement."""

    dataset: str
    method: str
    title: str
    """The method's name in tables."""
    backbone: str
    start: str
    """What the weights were before the training, in words."""
    way: int
    query: int
    episodes: int
    protocol: str
    """In words, whether queries influence each other (Method.protocol), for the headline shot."""
    transductive: bool
    """Whether queries influence each other. If not, the inductive accuracy is the accuracy."""
    selection: str
    """The split that selected the weights: validation or test."""
    text: str
    """The state of the text tower: trained, untrained or none; "not used": the method takes no
    texts."""
    text_control: str
    """prompts.control of the model: the texts that it had in training and has at test."""
    calibration: Calibration
    """The temperatures of the model's probabilities."""
    promises: dict[int, Threshold | str]
    """Shot -> the threshold of "none of these" that validation gives, or why there is none."""
    coverage: dict[str, Any]
    """The data, as spm.frames.integrity.measured_on describes it."""
    hashes: dict[str, str]
    """Hashes of data, episodes, model and parameters. `episodes` covers the headline shot: results
    with the same hash have the same episodes and can be paired."""


def document(measurements: dict[int, Measurement], *, conditions: Conditions) -> dict[str, Any]:
    """The content of evaluate.json. measurements: by shot; the first one, the headline, also stands
    at the top level."""
    shots = {
        shot: _summary(measurement, shot=shot, conditions=conditions)
        for shot, measurement in measurements.items()
    }
    headline = next(iter(shots))
    return {
        "dataset": conditions.dataset,
        "method": conditions.method,
        "title": conditions.title,
        "backbone": conditions.backbone,
        "start": conditions.start,
        "way": conditions.way,
        "shot": headline,
        "query": conditions.query,
        "episodes": conditions.episodes,
        "protocol": conditions.protocol,
        "transductive": conditions.transductive,
        "selection": conditions.selection,
        "text": conditions.text,
        "text_control": conditions.text_control,
        "encoded": _encoded(measurements[headline]),
        "coverage": conditions.coverage,
        "hashes": conditions.hashes,
        "shots": {str(shot): summary for shot, summary in shots.items()},
        **shots[headline],
    }


def headline(results: dict[str, Any]) -> dict[str, float]:
    """The content of metrics.json: the numbers of evaluate.json by which experiments are compared.

    Names are short, so that a terminal shows experiments side by side. Shots other than the
    headline have their accuracy only. text: points over all-zero text at test; ece: of the
    calibrated confidence.

    {"accuracy": 88.859, "ci95": 0.1924, "cosine": 60.602, "ece": 2.1, "inductive": 81.77, …}
    """
    numbers = {"accuracy": results["accuracy"], "ci95": results["ci95"]}
    if results["confidence"]:
        numbers["ece"] = results["confidence"][MODEL]["after"]["ece"]
    if results["inductive"]:
        numbers["inductive"] = results["inductive"]["accuracy"]
    if results["text_controls"]:
        numbers["text"], _ = worth(results["text_controls"])
    for name, baseline in results["baselines"].items():
        numbers[method_config(name).short] = baseline["accuracy"]
    others = {shot: each for shot, each in results["shots"].items() if shot != str(results["shot"])}
    return numbers | {f"{shot}shot": each["accuracy"] for shot, each in others.items()}


def episode_table(measurements: dict[int, Measurement]) -> pa.Table:
    """A row for each episode: shot, episode, accuracies of the model, inductive, with other texts,
    and of the baselines."""
    return pa.concat_tables(
        _episodes(measurement, shot=shot) for shot, measurement in measurements.items()
    )


def class_rows(
    measurements: dict[int, Measurement], *, texts: dict[str, str]
) -> list[dict[str, Any]]:
    """A row for each shot and class: shot, class, text, accuracy ("": no queries), queries."""
    rows = []
    for shot, measurement in measurements.items():
        confusion = _confusion(measurement)
        accuracies = class_accuracies(confusion)
        for name, accuracy, asked in zip(
            measurement.class_names, accuracies, confusion.sum(axis=1), strict=True
        ):
            shown = "" if np.isnan(accuracy) else round(float(accuracy), _DIGITS)
            row = {"shot": shot, "class": name, "text": texts[name]}
            rows.append(row | {"accuracy": shown, "queries": int(asked)})
    return rows


def confusion_rows(measurement: Measurement) -> list[dict[str, Any]]:
    """A row for each pair of classes: actual, predicted, queries, percent of actual's queries."""
    confusion, names = _confusion(measurement), measurement.class_names
    asked = np.maximum(confusion.sum(axis=1), 1)
    return [
        {
            "actual": names[actual],
            "predicted": names[predicted],
            "queries": int(queries),
            "percent": round(100 * float(queries) / int(asked[actual]), 2),
        }
        for (actual, predicted), queries in np.ndenumerate(confusion)
    ]


def _encoded(measurement: Measurement) -> str:
    """How often each test clip was encoded."""
    return "once" if measurement.encoded_once else "for each batch of episodes"


def _summary(measurement: Measurement, *, shot: int, conditions: Conditions) -> dict[str, Any]:
    scores = {
        name: _accuracy(measurement, predicted=predicted)
        for name, predicted in measurement.predicted.items()
        if name not in TEXT.values()
    }
    paper = paper_accuracy(
        conditions.method,
        conditions.coverage["benchmark"],
        backbone=conditions.backbone,
        way=conditions.way,
        shot=shot,
    )
    model, inductive = scores.pop(MODEL), scores.pop(INDUCTIVE, None)
    if inductive is not None:
        inductive |= {"episodes": len(measurement.predicted[INDUCTIVE])}
    return model | {
        "inductive": inductive,
        "text_controls": _text_controls(measurement),
        "confidence": _confidence(measurement, conditions.calibration),
        "unknown": _unknown(measurement, conditions.promises.get(shot)),
        "paper": paper,
        "baselines": scores,
    }


def _unknown(measurement: Measurement, promise: Threshold | str | None) -> dict[str, Any] | None:
    """Queries that are none of the episode's classes; None if none were asked."""
    if measurement.open_set is None or promise is None:
        return None
    return unknown_document(measurement.open_set, promise)


def _confidence(measurement: Measurement, calibration: Calibration) -> dict[str, Any] | None:
    """Of the model's answers, and of its inductive ones: how far confidence is from accuracy,
    before (T = 1) and after calibration; None if no logits were kept."""
    found = {
        name: _before_and_after(measurement, name, calibration)
        for name in (MODEL, INDUCTIVE)
        if name in measurement.logits
    }
    return found or None


def _before_and_after(
    measurement: Measurement, name: str, calibration: Calibration
) -> dict[str, Any]:
    logits, predicted = measurement.logits[name], measurement.predicted[name]
    right = predicted == measurement.actual[: len(predicted)]
    transductive = name == MODEL
    temperature = calibration.temperature(transductive=transductive)
    before, after = (
        reliability(confidences(logits, temperature=each), right) for each in (1.0, temperature)
    )
    fitted = calibration.fit(transductive=transductive) is not None
    return {
        "calibration": calibration.in_words(transductive=transductive),
        "temperature": temperature if fitted else None,
        "before": before,
        "after": after,
    }


def _text_controls(measurement: Measurement) -> dict[str, Any] | None:
    """The accuracy with each control at test; None if none was measured.

    difference: control - model in the same episodes, paired: 95 % of the mean over episodes.
    """
    predicted = measurement.predicted
    found = {control: predicted[name] for control, name in TEXT.items() if name in predicted}
    if not found:
        return None
    controls: dict[str, Any] = {
        control: _accuracy(measurement, predicted=answers)
        | _difference(measurement, ours=answers, theirs=predicted[MODEL][: len(answers)])
        for control, answers in found.items()
    }
    return controls | {"episodes": len(next(iter(found.values())))}


def _difference(measurement: Measurement, *, ours: Ints, theirs: Ints) -> dict[str, float]:
    """The mean of ours - theirs over the first episodes, with its paired interval."""
    actual = measurement.actual[: len(ours)]
    each = episode_accuracies(actual, ours) - episode_accuracies(actual, theirs)
    mean, interval = mean_and_interval(each)
    # + 0.0: no difference is 0.0 and not -0.0
    return {
        "difference": round(mean, _DIGITS) + 0.0,
        "difference_ci95": round(interval, _DIGITS),
    }


def _accuracy(measurement: Measurement, *, predicted: Any) -> dict[str, Any]:
    accuracies = episode_accuracies(measurement.actual[: len(predicted)], predicted)
    mean, interval = mean_and_interval(accuracies)
    return {"accuracy": round(mean, _DIGITS), "ci95": round(interval, _DIGITS)}


def _episodes(measurement: Measurement, *, shot: int) -> pa.Table:
    count = len(measurement.actual)
    columns: dict[str, Any] = {
        "shot": np.full(count, shot, dtype=np.int32),
        "episode": np.arange(count, dtype=np.int32),
    }
    for name, predicted in measurement.predicted.items():
        column = "accuracy" if name == MODEL else name
        accuracies = episode_accuracies(measurement.actual[: len(predicted)], predicted)
        columns[column] = [*accuracies, *[None] * (count - len(predicted))]
    return pa.table(columns)


def _confusion(measurement: Measurement) -> Any:
    return confusion_matrix(
        measurement.actual,
        measurement.predicted[MODEL],
        num_classes=len(measurement.class_names),
    )
