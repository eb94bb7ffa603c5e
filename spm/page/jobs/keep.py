"""Saving a recognizer as a zip, and loading one."""

from pathlib import Path

from spm.base.errors import InputError
from spm.page.archive import pack, unpack
from spm.page.jobs.known import known
from spm.page.limits import PageLimits
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
    return open_folder(new, report=report)


def open_folder(folder: Path, *, report: Report) -> Known:
    """Raises DataError in words that do not name the folder, which is none of the user's."""
    report(Progress("Loading the recognizer"))
    try:
        return known(load_recognizer(folder), folder)
    except InputError as error:
        raise type(error)(str(error).replace(f"{folder}/", "").replace(str(folder), "it")) from None
