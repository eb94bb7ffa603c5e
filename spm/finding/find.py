"""Finds the classes of a recognizer in a long video.

recognizer = spm.load_recognizer("kitchen")
for segment in spm.find_segments(recognizer, "evening.mp4").segments:
    print(segment.start, segment.end, segment.name, segment.probability)
"""

import hashlib
import math
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import torch

from spm.base.errors import ConfigError, DataError, naming
from spm.base.hashing import cheap_key
from spm.base.printable import printable
from spm.finding.record import Record
from spm.finding.search import OnProgress, Searched, look_at, search
from spm.finding.segments import Segment, find_segments_in
from spm.finding.windows import lengths_of, make_windows, rate_for
from spm.recognition.recognizer import Recognizer
from spm.video.long_video import Facts

FORMAT = 1
"""Of the scores in a record. Raise it when a search gives others."""


@dataclass(frozen=True)
class Found:
    """What was found in a video, and how it was searched."""

    video: Path
    segments: list[Segment]
    searched: Searched
    lengths: list[float]
    """Of the windows, in seconds, ascending."""
    rate: float
    """Pictures a second."""


def find_segments(
    recognizer: Recognizer,
    video: Path | str,
    *,
    lengths: Sequence[float] | None = None,
    rate: float | None = None,
    work: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Found:
    """The segments of the video that show one of the recognizer's classes, each window asked alone.

    lengths: of the windows [s]; by default about as long as the examples that it was shown.
    rate: pictures a second that are looked at; by default so many that the shortest window has T
    of them. work: a folder for the scores, where a search that was killed goes on. on_progress:
    called after each part with the seconds that were searched, and those of the whole video, None
    where its file does not say. Raises
    ConfigError for values that are not allowed, and without lengths for a recognizer that knows
    none; DataError for a file that is no video; TransientError where reading ran out of time or
    memory.
    """
    path = Path(video)
    lengths = _lengths(recognizer, lengths)
    with naming(printable(path), of=DataError):
        facts = look_at(path)
    rate = _rate(recognizer, rate, lengths=lengths, facts=facts)
    frames = recognizer.model.config.frames.num_segments
    windows = make_windows(lengths, rate=rate, num_frames=frames)
    what = {
        "format": FORMAT,
        "video": cheap_key(path),
        "recognizer": _key(recognizer),
        "rate": rate,
        "lengths": list(windows.lengths),
    }
    way = len(recognizer.classes)
    with (
        tempfile.TemporaryDirectory() as own,
        closing(Record(work or Path(own), search=what, way=way)) as record,
        naming(printable(path), of=DataError),
    ):
        searched = search(
            recognizer,
            path,
            windows=windows,
            rate=rate,
            record=record,
            seconds=facts.seconds,
            on_progress=on_progress,
        )
    segments = find_segments_in(searched.scores, classes=[*recognizer.classes], rate=rate)
    return Found(path, segments, searched, list(lengths), rate)


def _lengths(recognizer: Recognizer, given: Sequence[float] | None) -> list[float]:
    if given is not None:
        is_list = isinstance(given, Iterable) and not isinstance(given, str | bytes)
        if not is_list or not all(isinstance(each, Real) for each in given):
            raise ConfigError(f"lengths = {given!r}: give a list of seconds, as [1, 2, 4]")
        if wrong := [each for each in given if not 0 < each < float("inf")]:
            raise ConfigError(f"a window of {wrong[0]:g} s: give lengths above 0")
        if not given:
            raise ConfigError("no lengths of windows: give at least one")
        return sorted({*given})
    known = [
        each
        for of_class in recognizer.classes.values()
        for each in of_class.seconds
        if each is not None
    ]
    if not known:
        raise ConfigError(
            "how long the examples are is not known (an older recognizer, or folders of frames): "
            "give the lengths of the windows in seconds, as --lengths 1,2,4"
        )
    return lengths_of(known)


def _rate(
    recognizer: Recognizer,
    given: float | None,
    *,
    lengths: Sequence[float],
    facts: Facts,
) -> float:
    """Raises ConfigError for a rate at which the video has no picture."""
    seconds = facts.seconds or math.inf
    if given is None:
        frames = recognizer.model.config.frames.num_segments
        seen = [min(each, seconds) for each in lengths]  # a short video is one window, whole
        return rate_for(seen, num_frames=frames, frames_per_second=facts.frames_per_second)
    if not 0 < given < math.inf:
        raise ConfigError(f"{given:g} pictures a second: give a rate above 0")
    if round(given * seconds, 6) < 1:
        raise ConfigError(
            f"at {given:g} pictures a second a video of {seconds:.3g} s has less than one: give a "
            f"rate of {1 / seconds:.2g} or more"
        )
    return min(given, facts.frames_per_second)


def _key(recognizer: Recognizer) -> str:
    """A hash of everything that its scores depend on."""
    model, threshold = recognizer.model, recognizer.threshold
    digest = hashlib.sha256(model.config.model_dump_json().encode())
    digest.update(repr((threshold, model.calibration)).encode())
    tensors = [*model.state_dict().values()]
    tensors += [] if model.background is None else model.background.tensors().values()
    for each in recognizer.classes.values():
        digest.update(each.name.encode())
        tensors += [each.features, *([] if each.text is None else [each.text])]
    for tensor in tensors:
        digest.update(repr((tensor.dtype, tensor.shape)).encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
