"""Long videos with actions at known places: what `clip-spm find` finds in them.

python -m bench.long_videos [--split val]      in a clone after `make repro`

Each video is made of clips of `motion` that no data set has: of the classes that a recognizer was
shown, of other classes of the split, and of backgrounds where only a distractor moves. Beside what
the windows find stands what the same recognizer says of the true stretches, and random segments.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from bench.detection import TIOUS, Place, Quality, quality
from spm.base import command
from spm.base.arrays import Frames
from spm.finding.find import Found, find_segments
from spm.finding.scores import score
from spm.finding.search import LIMITS, open_pictures, pictures_of
from spm.finding.segments import Segment
from spm.model.model import FewShotModel, load_model
from spm.motion.actions import Pose
from spm.motion.look import FRAMES_PER_SECOND, Nuisance, draw_nuisance
from spm.motion.mp4 import write_mp4
from spm.motion.render import add_noise, paint, render
from spm.recognition.recognizer import Recognizer
from spm.video.sampling import segment_frames
from stages.shared import paths
from stages.shared.clip_store import open_clips

SIZES = ((3, 5), (5, 5), (5, 1))
"""Classes and examples of a class."""
VIDEOS = 4
"""Of each size, each with classes of its own."""
CLIPS = 100
"""Of a video, five minutes: a third of the recognizer's classes, a third of others."""


class MadeVideo(NamedTuple):
    """A video and what it shows."""

    path: Path
    places: list[Place]
    """Of the recognizer's classes."""
    stretches: list[tuple[float, float]]
    """Every clip's start and end."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.long_videos")
    parser.add_argument("--split", default="test", choices=["test", "val"])
    split = parser.parse_args().split
    torch.set_num_threads(1)
    model, names = load_model(Path(paths.MODEL)), sorted(open_clips().classes(split))
    print(f"{'':32}mAP at tIoU {TIOUS}      frames    found   false alarms an hour")
    for way, shot in SIZES:
        rows: dict[str, list[Quality]] = {"windows": [], "true borders": [], "random": []}
        for number in range(VIDEOS):
            with tempfile.TemporaryDirectory() as folder:
                found = measured(model, names, Path(folder), way=way, shot=shot, number=number)
                for name, each in found.items():
                    rows[name].append(each)
        for name, qualities in rows.items():
            print(f"{way}-way {shot}-shot  {name:<16}" + said(qualities), flush=True)


def measured(
    model: FewShotModel, names: Sequence[str], folder: Path, *, way: int, shot: int, number: int
) -> dict[str, Quality]:
    """What is found by windows, by the true borders, and by chance."""
    rng = np.random.default_rng([way, shot, number])
    shown = sorted(rng.permutation(names)[:way].tolist())
    examples = {name: [*_examples(folder / name, name, rng, count=shot)] for name in shown}
    recognizer = Recognizer.enroll(model, examples)
    video = make(folder / "long.mp4", rng, shown=shown, others=sorted({*names} - {*shown}))
    found = find_segments(recognizer, video.path)
    asked = {
        "windows": found.segments,
        "true borders": by_true_borders(recognizer, video),
        "random": at_random(found, rng, names=shown),
    }
    seconds = video.stretches[-1][1]
    return {name: quality(each, video.places, seconds=seconds) for name, each in asked.items()}


def make(
    path: Path, rng: np.random.Generator, *, shown: Sequence[str], others: Sequence[str]
) -> MadeVideo:
    """A video of `CLIPS` clips in random order."""
    frames, places, stretches, end = [], list[Place](), list[tuple[float, float]](), 0.0
    for kind in rng.permutation(np.arange(CLIPS) % 3):
        nuisance = draw_nuisance(rng)
        name = str(rng.choice(shown if kind == 0 else others))
        frames.append(bare(nuisance) if kind == 2 else render(name, nuisance))
        start, end = end, end + nuisance.num_frames / FRAMES_PER_SECOND
        stretches.append((start, end))
        if kind == 0:
            places.append(Place(start, end, name))
    write_mp4(np.concatenate(frames), path, frames_per_second=FRAMES_PER_SECOND)
    return MadeVideo(path, places, stretches)


def bare(nuisance: Nuisance) -> Frames:
    """No object, only the background and the distractor on its way: [F, SIDE, SIDE, 3]."""
    clock = np.linspace(0, 1, nuisance.num_frames)[:, None]
    start, end = nuisance.distractor_path
    x, y = (start + (end - start) * clock).T
    frames = np.repeat(nuisance.background[None].astype(np.float32), nuisance.num_frames, axis=0)
    paint(frames, nuisance.distractor, Pose(x=x, y=y))
    return add_noise(frames, sd=nuisance.noise, seed=nuisance.noise_seed)


def by_true_borders(recognizer: Recognizer, video: MadeVideo) -> list[Segment]:
    """What the recognizer says of each clip's stretch, if it knows it."""
    pictures, model = _pictures(recognizer, video.path), recognizer.model
    clips = []
    for start, end in video.stretches:
        first, last = (round(each * FRAMES_PER_SECOND) for each in (start, end))
        sampled = segment_frames(
            last - first,
            num_segments=model.config.frames.num_segments,
            samples_per_segment=1,
        )
        clips.append(pictures[first + sampled.reshape(-1)])
    with torch.no_grad():
        features = model.encode_video(torch.from_numpy(np.stack(clips)))
    asked = np.array([[row, 1] for row in range(len(clips))])
    scores, classes = score(recognizer, asked, features), [*recognizer.classes]
    return [
        Segment(*video.stretches[row], classes[int(p.argmax())], float(p.max()), float(value))
        for row, (value, p) in enumerate(zip(scores.score, scores.probabilities, strict=True))
        if scores.is_known[row]
    ]


def at_random(found: Found, rng: np.random.Generator, *, names: Sequence[str]) -> list[Segment]:
    """As many segments of the same lengths, anywhere, of any class."""
    segments = []
    for each in found.segments:
        length = each.end - each.start
        start = rng.uniform(0, found.searched.seconds - length)
        segments.append(
            Segment(start, start + length, str(rng.choice(names)), 0.0, float(rng.random()))
        )
    return segments


def said(qualities: Sequence[Quality]) -> str:
    """The means over the videos."""
    precisions = np.mean([each.mean_precision for each in qualities], axis=0)
    frames, found, alarms = np.mean([each[1:] for each in qualities], axis=0)
    return (
        "  ".join(f"{each:5.1f}" for each in precisions)
        + f"  {frames:15.1f}  {found:7.1f}  {alarms:6.0f}"
    )


def _examples(folder: Path, name: str, rng: np.random.Generator, *, count: int) -> Iterator[Path]:
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number}.mp4"
        write_mp4(render(name, draw_nuisance(rng)), path, frames_per_second=FRAMES_PER_SECOND)
        yield path


def _pictures(recognizer: Recognizer, path: Path) -> Frames:
    """All pictures of the video, as a search sees them at its full rate."""
    with open_pictures(recognizer, path, rate=FRAMES_PER_SECOND, limits=LIMITS) as long:
        return np.concatenate([*pictures_of(long, size=recognizer.model.image_size)])


if __name__ == "__main__":
    command.run(main)
