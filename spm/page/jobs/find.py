"""Finding the classes in a long video."""

import os
from pathlib import Path

from spm.base.clock import clock
from spm.base.errors import DataError
from spm.episodes.device import pick_device
from spm.finding.find import find_segments
from spm.finding.search import look_at
from spm.page.limits import PageLimits
from spm.page.results import FoundStretches, Progress, Stretch
from spm.page.work import Report
from spm.recognition.recognizer_folder import load_recognizer

_WORK = "search"
"""In the window's folder: a search that was cancelled goes on from there, and goes with it."""


def find(
    folder: Path,
    before: Path,
    video: Path,
    limits: PageLimits,
    *,
    report: Report,
) -> FoundStretches:
    """video: a path in `folder`. Raises DataError for one that cannot be read, ConfigError for one
    that is too long."""
    os.chdir(folder)
    report(Progress("Looking at the video"))
    try:
        limits.check_size(video.stat().st_size)
        limits.check_video(look_at(video).seconds)
        report(Progress("Loading the model"))
        recognizer = load_recognizer(before)
        recognizer.model.to(pick_device("auto"))

        def watch(done: float, total: float | None) -> None:
            limits.check_video(done)
            until = "" if total is None else f" of {clock(round(total))}"
            share = None if not total else min(done / total, 1)
            report(Progress(f"Searched {clock(round(done))}{until}", share))

        found = find_segments(recognizer, video, work=Path(_WORK), on_progress=watch)
    except DataError as error:
        raise DataError(str(error).removeprefix(f"{video}: ")) from None
    threshold = recognizer.threshold
    return FoundStretches(
        video=video.name,
        seconds=found.searched.seconds,
        segments=[
            Stretch(each.start, each.end, each.name, each.probability) for each in found.segments
        ],
        classes=[*recognizer.classes],
        lengths=found.lengths,
        rate=found.rate,
        threshold=None if threshold is None else threshold.value,
        false_alarms=None if threshold is None else threshold.false_alarms,
        damage=[
            f"{clock(each.start)} to {clock(each.end)}: {each.reason}"
            for each in found.searched.damage
        ],
        is_whole=found.searched.is_whole,
    )
