"""Teaching a class, and forgetting one: each writes a new recognizer beside the former."""

import os
from pathlib import Path

from spm.episodes.device import pick_device
from spm.model.model import load_model
from spm.page.jobs.known import known
from spm.page.results import Known, Progress
from spm.page.work import Report
from spm.recognition.recognizer import Recognizer
from spm.recognition.recognizer_folder import load_recognizer, save_recognizer


def add(
    folder: Path,
    before: Path,
    classes: dict[str, list[Path]],
    new: Path,
    *,
    report: Report,
) -> Known:
    """The recognizer `before` with these classes too. Their clips are paths in `folder`."""
    os.chdir(folder)
    report(Progress("Loading the model"))
    recognizer = load_recognizer(before)
    recognizer.model.to(pick_device("auto"))
    for name, clips in classes.items():
        report(Progress(f"Learning from {len(clips)} clips"))
        recognizer.add_class(name, clips)
    return _saved(recognizer, new, report=report)


def begin(
    folder: Path,
    model: Path,
    classes: dict[str, list[Path]],
    new: Path,
    *,
    report: Report,
) -> Known:
    """A recognizer of these classes alone, two or more; model: its folder, or a recognizer's."""
    os.chdir(folder)
    report(Progress("Loading the model"))
    loaded = load_model(model).to(pick_device("auto"))
    report(Progress(f"Learning from {sum(map(len, classes.values()))} clips"))
    return _saved(Recognizer.enroll(loaded, classes), new, report=report)


def remove(before: Path, name: str, new: Path, *, report: Report) -> Known:
    """The recognizer `before`, without the class."""
    report(Progress(f"Forgetting {name}"))
    recognizer = load_recognizer(before)
    recognizer.remove_class(name)
    return _saved(recognizer, new, report=report)


def _saved(recognizer: Recognizer, new: Path, *, report: Report) -> Known:
    report(Progress("Keeping what was learned"))
    save_recognizer(recognizer, new)
    return known(recognizer, new)
