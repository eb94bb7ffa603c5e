"""Looking at clips before they are taught: which can be read, and which frames the model takes."""

import os
from collections.abc import Sequence
from pathlib import Path

from spm.base.errors import DataError
from spm.isolation.isolated_reader import IsolatedReader
from spm.model.model import load_model
from spm.page.jobs.clips import read_frames, strip
from spm.page.limits import PageLimits
from spm.page.results import Looked, Progress
from spm.page.work import Report
from spm.recognition.clips import LIMITS


def look(
    folder: Path, model: Path, clips: Sequence[Path], limits: PageLimits, *, report: Report
) -> list[Looked]:
    """Each clip, a path in `folder`, with its frames or its problem.

    model: a folder of a model, or of a recognizer.
    """
    os.chdir(folder)
    report(Progress("Starting"))
    loaded = load_model(model)
    reader, found = IsolatedReader(LIMITS), list[Looked]()
    try:
        for number, path in enumerate(clips):
            report(Progress(f"Reading {number + 1} of {len(clips)}", number / len(clips)))
            try:
                frames, seconds = read_frames(loaded, path, reader=reader, limits=limits)
                found.append(Looked(path, path.name, seconds, strip(frames)))
            except DataError as error:
                found.append(Looked(path, path.name, problem=str(error)))
    finally:
        reader.close()
    return found
