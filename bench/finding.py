"""Benchmarks `clip-spm find` against encoding the same pictures bare.

A search reads a video in a process of its own, encodes a picture once, and scores windows of
several lengths; the reference encodes as many pictures that are in memory already, in parts of the
same size. Random weights; seconds of the clock, since reading goes on beside encoding.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from bench.models import BACKBONES, FRAMES, build
from bench.timing import Line, interleaved
from spm.episodes.threshold import fit_threshold
from spm.finding import search
from spm.finding.record import Record
from spm.finding.windows import lengths_of, make_windows, rate_for
from spm.model.background import Background
from spm.model.model import FewShotModel
from spm.motion.mp4 import write_mp4
from spm.recognition.enrolled import EnrolledClass
from spm.recognition.recognizer import Recognizer

TARGET = 0.9
WAY, SHOT = 5, 5
BACKGROUND = 64
"""Training classes, as the large benchmarks have."""
_FPS = 25
_EXAMPLES = (2.0, 4.0)
"""Seconds of the shortest and the longest example."""
_PICTURES = 64


def lines() -> Iterator[Line]:
    """Lines with the seconds of searching and of encoding `_PICTURES` pictures."""
    vit = BACKBONES["ViT-B/16"]
    yield line("ViT-B/16, otam", build(vit, method="otam"))
    yield line("ViT-B/16, CLIP-SPM", build(vit))


def line(what: str, model: FewShotModel, *, pictures: int = _PICTURES, rounds: int = 1) -> Line:
    frames = model.config.frames.model_copy(update={"short_side": model.image_size * 8 // 7})
    model.config = model.config.model_copy(update={"frames": frames})
    recognizer = recognizer_of(model)
    lengths = lengths_of(_EXAMPLES)
    rate = rate_for(lengths, num_frames=FRAMES, frames_per_second=_FPS)
    with tempfile.TemporaryDirectory() as folder:
        path = _video(Path(folder) / "long.mp4", frames=round(pictures / rate * _FPS))
        seconds = interleaved(
            {
                "find": _search(recognizer, path, lengths=lengths, rate=rate),
                "bare": _encode(model, pictures),
            },
            rounds=rounds,
        )
    name = f"finding in a video, {what}, {WAY}-way {SHOT}-shot"
    return Line(name, "encoding its pictures bare", seconds["find"], seconds["bare"], TARGET)


def recognizer_of(model: FewShotModel) -> Recognizer:
    """Random examples, and a threshold by a random background."""
    rng = torch.Generator().manual_seed(0)
    texts = torch.randn(BACKGROUND, model.channels, generator=rng)

    def clips(count: int) -> torch.Tensor:
        return torch.randn(count, FRAMES, *model.feature_shape, generator=rng)

    model.background = Background.of(
        clips(BACKGROUND),
        texts,
        validation=clips(30),
        labels=torch.arange(6).repeat_interleave(5),
        validation_texts=texts[:6],
    )
    shown = [
        EnrolledClass(f"{number}", [""] * SHOT, clips(SHOT), "", texts[number])
        for number in range(WAY)
    ]
    threshold = fit_threshold(model, way=WAY, shot=1, false_alarms=0.1)
    return Recognizer(model, shown, text_trained=False, threshold=threshold)


def _search(
    recognizer: Recognizer, path: Path, *, lengths: list[float], rate: float
) -> Callable[[], None]:
    windows = make_windows(lengths, rate=rate, num_frames=FRAMES)

    def run() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(Record(Path(folder), search={}, way=WAY)) as record,
        ):
            search.search(recognizer, path, windows=windows, rate=rate, record=record)

    return run


def _encode(model: FewShotModel, pictures: int) -> Callable[[], None]:
    size = model.image_size
    pixels = torch.randint(0, 256, (pictures, size, size, 3), dtype=torch.uint8)

    def run() -> None:
        with torch.no_grad():
            for start in range(0, pictures, search.PART):
                model.encode_video(pixels[None, start : start + search.PART])

    return run


def _video(path: Path, *, frames: int) -> Path:
    """320 × 240 pixels, a texture that drifts."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 255, size=(240, 320 + frames, 3), dtype=np.uint8)
    moving = np.stack([wide[:, number : number + 320] for number in range(frames)])
    write_mp4(moving, path, frames_per_second=_FPS)
    return path
