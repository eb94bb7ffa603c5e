"""Classifies clips by a few examples of each class; `clip-spm predict` and `classify` call this.

A clip is a video file or a folder of numbered images (spm.video.frame_folder). Clips are classified
one by one, or with `transductive` as the queries of one episode.
Shapes: `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from spm.base.errors import DataError
from spm.base.printable import printable
from spm.base.same_text import same_texts
from spm.dataset.class_text import class_text
from spm.dataset.support_folder import find_support, passed_over
from spm.episodes.device import pick_device
from spm.model.model import FewShotModel, load_model
from spm.model.text_tower import is_trained
from spm.recognition.inputs import encode_classes, read_clip
from spm.results.text_words import text_state


@dataclass(frozen=True)
class Support:
    """The encoded examples of all classes."""

    classes: list[str]
    """[N] folder names, sorted."""
    features: Tensor
    """[S, T, C]"""
    labels: Tensor
    """[S] in 0..N-1"""
    class_text: Tensor | None
    """[N, C], under the model's control; None for a method that takes no texts, or a backbone
    without a text tower."""
    text_trained: bool | None
    """Whether the text tower is trained; None for a method that takes no texts."""


def print_predictions(
    clips: Sequence[Path], *, model: Path, support: Path, transductive: bool
) -> int:
    """Prints the probabilities of the classes for each clip, by the examples in `support`.

    Returns the exit status: 0, or 1 if a clip could not be read. Raises DataError for an unusable
    support folder.
    """
    paths = find_support_with_notes(support)
    return print_answers(clips, model=load_model(model), support=paths, transductive=transductive)


def find_support_with_notes(support: Path) -> dict[str, list[Path]]:
    """As `find_support`; prints warnings about the folder to stderr."""
    paths = find_support(support)
    for note in _notes(support, paths):
        print(note, file=sys.stderr)
    return paths


def print_answers(
    clips: Sequence[Path],
    *,
    model: FewShotModel,
    support: dict[str, list[Path]],
    transductive: bool,
) -> int:
    """As `print_predictions`, by a model in memory and the examples of each class."""
    model = model.to(pick_device("auto"))
    examples = encode_support(model, support)
    features, problems = _encode(model, dict.fromkeys(clips))
    readable = [path for path in clips if path in features]
    queries = [features[path] for path in readable]
    rows = classify(model, examples, queries, transductive=transductive)
    how = _how(model, transductive=transductive)
    print(_conditions(examples, how=how, control=model.config.prompts.control))
    print(_percentages(model, transductive=transductive))
    for path, row in zip(readable, rows, strict=True):
        print(f"\n{printable(path)}\n{_ranking(examples.classes, row)}")
    for path, problem in problems.items():
        print(f"{printable(path)}: not classified: {problem}", file=sys.stderr)
    return 1 if problems else 0


def classify_clips(
    clips: Sequence[Path | str], *, model: FewShotModel, support: Path | str
) -> dict[Path, dict[str, float]]:
    """Clip -> class -> probability, each clip on its own, by the examples in the folder `support`.

    The probabilities are calibrated if the model is (`model.calibration`).
    `support` holds one folder of clips for each class (spm.dataset.support_folder). Raises
    DataError for another folder, and with the names of all clips that cannot be read.
    """
    examples = encode_support(model, find_support(Path(support)))
    paths = list(dict.fromkeys(map(Path, clips)))
    features = _encode_all(model, paths, what="clips")
    rows = classify(model, examples, [features[path] for path in paths], transductive=False)
    return {
        path: {name: value / 100 for name, value in zip(examples.classes, row, strict=True)}
        for path, row in zip(paths, rows, strict=True)
    }


def encode_support(model: FewShotModel, paths: dict[str, list[Path]]) -> Support:
    """Reads and encodes the examples. Raises DataError with the names of all unreadable ones.

    Raises ConfigError for a text tower without its weights, before any clip is read.
    """
    clips = [(label, path) for label, name in enumerate(paths) for path in paths[name]]
    takes_text = model.config.model.needs.text
    text = encode_classes(list(paths), model=model) if takes_text else None
    features = _encode_all(model, [path for _, path in clips], what="support clips")
    encoded = torch.stack([features[path] for _, path in clips])
    return Support(
        classes=list(paths),
        features=encoded,
        labels=torch.tensor([label for label, _ in clips], device=encoded.device),
        class_text=text,
        text_trained=is_trained(model.config.backbone) if takes_text else None,
    )


def classify(
    model: FewShotModel, support: Support, queries: Sequence[Tensor], *, transductive: bool
) -> list[list[float]]:
    """Queries [T, C] each -> class probabilities [Q, N] in percent.

    `transductive`: all queries in one episode; else each query in an episode of its own.
    """
    if not queries:
        return []
    ask = model.classify if transductive else model.classify_each
    with torch.no_grad():
        logits = ask(
            support.features, support.labels, torch.stack(list(queries)), support.class_text
        )
    probabilities = model.probabilities(logits, transductive=transductive)
    percent: list[list[float]] = (100 * probabilities).tolist()
    return percent


def _encode_all(model: FewShotModel, paths: Sequence[Path], *, what: str) -> dict[Path, Tensor]:
    """Features [T, C] of the clips. Raises DataError with the names of all unreadable ones."""
    features, problems = _encode(model, paths)
    if problems:
        lines = [f"  {path}: {problem}" for path, problem in problems.items()]
        raise DataError("\n".join([f"{what} that cannot be read:", *lines]))
    return features


def _encode(
    model: FewShotModel, paths: Iterable[Path]
) -> tuple[dict[Path, Tensor], dict[Path, str]]:
    """Features [T, C] of the readable clips; for each unreadable clip the reason."""
    features: dict[Path, Tensor] = {}
    problems: dict[Path, str] = {}
    for path in paths:
        try:
            pixels = read_clip(path, model=model)
        except (DataError, OSError) as error:
            problems[path] = str(error)
            continue
        with torch.no_grad():
            features[path] = model.encode_video(pixels)
    return features, problems


def _notes(support: Path, classes: Iterable[str]) -> list[str]:
    """Warnings about the support folder, a line each: ignored files, classes with the same text."""
    alike = same_texts({name: class_text(name) for name in classes})
    return passed_over(support) + [
        f"warning: {', '.join(names)} have the same text, {class_text(names[0])!r}: only their "
        "clips tell them apart"
        for names in alike
    ]


def _how(model: FewShotModel, *, transductive: bool) -> str:
    """Whether the clips influence each other, in words. transductive: what the user asked for."""
    if not transductive:
        return "each clip on its own"
    if not model.method.transductive:
        return "each clip on its own: this model's method is not transductive"
    return "transductive: the clips see each other"


def _conditions(support: Support, *, how: str, control: str) -> str:
    text = {None: "not used", True: "trained", False: "untrained"}[support.text_trained]
    return (
        f"{len(support.classes)} classes, {len(support.labels)} support clips; {how}; "
        f"text: {text_state(text, control=control)}"
    )


def _percentages(model: FewShotModel, *, transductive: bool) -> str:
    """Whether the percentages say how often such an answer is right, in words."""
    calibration = model.calibration
    words = f"percentages: {calibration.in_words(transductive=transductive)}"
    if calibration.fit(transductive=transductive) is not None:
        return words
    return f"{words}: they rank the classes, and say no more"


def _ranking(classes: list[str], percent: list[float]) -> str:
    """The classes with their probabilities, the most likely one first."""
    names = [printable(name) for name in classes]
    width = max(map(len, names))
    ranked = sorted(zip(percent, names, strict=True), key=lambda pair: (-pair[0], pair[1]))
    return "\n".join(f"  {name:<{width}}  {value:6.2f} %" for value, name in ranked)
