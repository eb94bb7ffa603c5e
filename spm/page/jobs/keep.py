"""Saving a recognizer as a zip, and loading one."""

from pathlib import Path

from spm.base.errors import DataError, InputError
from spm.model.spec import load_spec
from spm.model.weights import tags_of
from spm.page.archive import pack, unpack
from spm.page.jobs.known import known
from spm.page.limits import PageLimits
from spm.page.names import check_name
from spm.page.results import Known, Progress
from spm.page.work import Report
from spm.recognition.recognizer_folder import load_recognizer


def save(recognizer: Path, path: Path, *, report: Report) -> Path:
    report(Progress("Packing"))
    pack(recognizer, path)
    return path


def load(path: Path, new: Path, limits: PageLimits, *, report: Report) -> Known:
    """The recognizer in the zip, unpacked into the folder `new`."""
    report(Progress("Checking the zip"))
    unpack(path, new, max_bytes=limits.max_bytes)
    report(Progress("Checking the recognizer"))
    try:
        _check_weights(new)
        found = open_folder(new, report=report)
    except RecursionError:
        raise DataError("its JSON is nested too deep: save the recognizer again") from None
    _check_classes(found, limits)
    return found


def _check_weights(folder: Path) -> None:
    """A stranger's zip must not have files of this machine opened: it names weights by a tag.

    Raises DataError. A recognizer works without its weights' file, which serves new texts alone.
    """
    backbone = load_spec(folder).backbone
    tags = ["pretrained"] if backbone.kind == "timm" else tags_of(backbone.name)
    if backbone.weights is not None and backbone.weights not in tags:
        raise DataError(
            "its model began from a file of weights, and the page opens none that a zip names: "
            "unpack the zip, and give the folder to `clip-spm page FOLDER`"
        )


def _check_classes(found: Known, limits: PageLimits) -> None:
    """Raises DataError for more than the page takes."""
    for name in found.examples:
        check_name(name)
    most = max(found.examples.values())
    if len(found.examples) > limits.max_classes or most > limits.max_clips:
        raise DataError(
            f"it has {len(found.examples)} actions of up to {most} examples, and this page takes "
            f"{limits.max_classes} of {limits.max_clips}: start it with larger limits"
        )


def open_folder(folder: Path, *, report: Report) -> Known:
    """Raises DataError in words that do not name the folder, which is none of the user's."""
    report(Progress("Loading the recognizer"))
    try:
        return known(load_recognizer(folder), folder)
    except InputError as error:
        raise type(error)(str(error).replace(f"{folder}/", "").replace(str(folder), "it")) from None
