"""Recognising one clip: the answer, the frames that were compared, and how."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from spm.base.errors import ConfigError, DataError
from spm.episodes.device import pick_device
from spm.isolation.isolated_reader import IsolatedReader
from spm.page.jobs.clips import Pixels, read_frames, strip
from spm.page.jobs.nearest import held_example, nearest
from spm.page.limits import PageLimits
from spm.page.results import Picture, Progress, Recognised
from spm.page.work import Report
from spm.recognition.clips import LIMITS, SeenClip, encode
from spm.recognition.explained import heat_of
from spm.recognition.recognizer import Answer, Recognizer
from spm.recognition.recognizer_folder import load_recognizer
from spm.report.alignment_examples import AlignmentExample
from spm.report.alignment_figure import alignment_figure
from spm.report.figures import png
from spm.report.heat_figure import heat_figure


def recognise(
    folder: Path,
    before: Path,
    clip: Path,
    examples: Sequence[Path],
    limits: PageLimits,
    *,
    report: Report,
) -> Recognised:
    """clip: a path in `folder`. examples: folders in which the files of examples are looked for.

    Raises DataError for a file that is no clip, or too long.
    """
    os.chdir(folder)
    report(Progress("Loading the model"))
    recognizer = load_recognizer(before)
    model = recognizer.model.to(pick_device("auto"))
    reader = IsolatedReader(LIMITS)
    try:
        report(Progress("Reading the clip"))
        frames, seconds = read_frames(model, clip, reader=reader, limits=limits)
        report(Progress("Comparing it with the examples"))
        pixels = torch.from_numpy(frames)
        features = encode(model, SeenClip(pixels, seconds)).features
        answer = recognizer.answer(features, clip=clip)
        notes: list[str] = []
        report(Progress("Drawing how they were compared"))
        aligned = _alignment(
            recognizer, answer, features, frames, reader=reader, examples=examples, notes=notes
        )
        report(Progress("Drawing where it looked"))
        heated = _heat(recognizer, answer, pixels, notes=notes)
    finally:
        reader.close()
    threshold = recognizer.threshold
    return Recognised(
        name=answer.name,
        best=answer.best,
        probabilities=answer.probabilities,
        score=answer.score,
        threshold=None if threshold is None else threshold.value,
        false_alarms=None if threshold is None else threshold.false_alarms,
        is_calibrated=model.calibration.fit(transductive=False) is not None,
        frames=strip(frames),
        pictures=[each for each in (aligned, heated) if each is not None],
        notes=notes,
    )


def _alignment(
    recognizer: Recognizer,
    answer: Answer,
    features: torch.Tensor,
    frames: Pixels,
    *,
    reader: IsolatedReader,
    examples: Sequence[Path],
    notes: list[str],
) -> Picture | None:
    best = recognizer.classes[answer.best]
    found = nearest(recognizer, best, features)
    if found is None:
        notes.append("This method compares clips as wholes: it aligns no frames.")
        return None
    path, shown = held_example(found.clip, folders=examples), None
    if path is not None:
        try:
            shown, _ = read_frames(recognizer.model, path, reader=reader, limits=_ANY)
        except DataError:
            path = None
    if shown is None:
        notes.append("The example's own frames are not here: a saved recognizer keeps none.")
        shown = np.full((found.alignment.distance.shape[1], *frames.shape[1:]), 230, np.uint8)
    figure = alignment_figure(
        AlignmentExample(
            actual="",
            predicted=answer.best,
            right=True,
            probability=100 * answer.probabilities[answer.best],
            query_frames=frames,
            support_frames=shown,
            distance=found.alignment.distance.double().numpy(),
            weights=found.alignment.weights.double().numpy(),
        )
    )
    figure.suptitle("your clip: down · nearest example: across", fontsize=10)
    caption = (
        f"Your clip beside the nearest example of “{answer.best}” "
        f"({Path(found.clip).name}). The brighter a cell, the more alike the two frames; the "
        "larger its disc, the more the pair counted."
    )
    return Picture(png(figure), caption)


def _heat(
    recognizer: Recognizer, answer: Answer, pixels: torch.Tensor, *, notes: list[str]
) -> Picture | None:
    try:
        heat = heat_of(recognizer, pixels, name=answer.best)
    except ConfigError:
        notes.append("Where it looked is not known: this tower's activations have no places.")
        return None
    if not heat.any():
        notes.append(f"No place of the frames speaks for “{answer.best}”.")
        return None
    caption = (
        f"Where the frames speak for “{answer.best}”: the brighter, the more, the hottest place of "
        "the clip being 1. A frame without heat was seen all the same."
    )
    return Picture(png(heat_figure(pixels.numpy(), heat)), caption)


_ANY = PageLimits(max_mb=1e9, max_seconds=1e9)
"""An example was let in already, perhaps under other limits."""
