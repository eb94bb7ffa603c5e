"""Classifies clips by a few examples of each class; `clip-spm predict` and `classify` call this.

A clip is a video file or a folder of numbered images (spm.video.frame_folder). Clips are classified
one by one, or with `transductive` as the queries of one episode. Recognizers do the work.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from spm.base.printable import printable
from spm.base.same_text import same_texts
from spm.dataset.class_text import class_text
from spm.dataset.support_folder import find_support, passed_over
from spm.episodes.device import pick_device
from spm.model.model import FewShotModel, load_model
from spm.recognition.arguments import check_clips
from spm.recognition.clips import encode_each
from spm.recognition.model_names import model_folder
from spm.recognition.recognizer import Recognizer
from spm.recognition.words import conditions, percentages, ranking


def print_predictions(
    clips: Sequence[Path], *, model: Path, support: Path, transductive: bool
) -> int:
    """Prints the probabilities of the classes for each clip, by the examples in `support`.

    Returns the exit status: 0, or 1 if a clip could not be read. Raises DataError for an unusable
    support folder.
    """
    paths = find_support_with_notes(support)
    loaded = load_model(model_folder(model))
    return print_answers(clips, model=loaded, support=paths, transductive=transductive)


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
    recognizer = Recognizer.enroll(model.to(pick_device("auto")), support, false_alarms=None)
    found = dict(encode_each(model, dict.fromkeys(clips)))
    features = {path: each.features for path, each in found.items() if not isinstance(each, str)}
    readable = [path for path in clips if path in features]
    print(conditions(recognizer, how=_how(model, transductive=transductive)))
    print(percentages(model, transductive=transductive))
    if readable:
        stacked = torch.stack([features[path] for path in readable])
        rows = recognizer.probabilities(stacked, transductive=transductive).tolist()
        for path, row in zip(readable, rows, strict=True):
            answer = dict(zip(recognizer.classes, row, strict=True))
            print(f"\n{printable(path)}\n{ranking(answer)}")
    problems = {path: each for path, each in found.items() if isinstance(each, str)}
    for path, problem in problems.items():
        print(f"{printable(path)}: not classified: {problem}", file=sys.stderr)
    return 1 if problems else 0


def classify_clips(
    clips: Iterable[Path | str], *, model: FewShotModel, support: Path | str
) -> dict[Path, dict[str, float]]:
    """Clip -> class -> probability, each clip on its own, by the examples in the folder `support`.

    The probabilities are calibrated if the model is (`model.calibration`).
    `support` holds one folder of clips for each class (spm.dataset.support_folder). Raises
    DataError for another folder, and with the names of all clips that cannot be read.
    """
    paths = check_clips(clips)
    answers = Recognizer.enroll(model, support, false_alarms=None).recognize(paths)
    return {answer.clip: answer.probabilities for answer in answers}


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
