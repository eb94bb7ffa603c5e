"""Damaged files against the readers: python -m bench.corruption [--reader auto]

Makes good clips whose frames carry their number, damages copies of them at random (cut off, bits
flipped where the container describes itself, bits flipped in its pictures), reads each as the stage
`frames` does, and prints what became of them. None may end the run. How many were accepted with
frames or pictures that are not the clip's, the table says.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from bench.burnt import numbers, write_clip
from pipeline.isolated_reader import IsolatedReader, Limits
from spm.clip import Clip, Frames
from spm.config.frames import FramesConfig, Reader
from spm.errors import DataError, TransientError

Read = Callable[[Path], Clip]
NUM_FRAMES = 80
FRAMES = FramesConfig(
    num_segments=8,
    samples_per_segment=1,
    short_side=96,
    keep_aspect=True,
    short_clips="repeat",
    storage="raw",
    jpeg_quality=95,
    reader="auto",
    num_shards=1,
)
CONTAINERS = {
    "mp4 (H.264)": ("clip.mp4", "libx264", {}),
    "mkv (H.264)": ("clip.mkv", "libx264", {}),
    "webm (VP9)": ("clip.webm", "libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}),
    "avi (MPEG-4)": ("clip.avi", "mpeg4", {}),
}
DAMAGES = ("cut off", "bits of the header", "bits of the body")

RIGHT = ("accepted: same pixels", "accepted: right frames, other pixels")
WRONG = ("accepted: frames lost", "accepted: wrong pictures")
_HEADER = 0.05  # share of the file at either end: where containers keep their tables


class Outcome(NamedTuple):
    container: str
    damage: str
    result: str
    """One of RIGHT or WRONG, or why the clip was rejected."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.corruption", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--variants", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=get_args(Reader), default="auto")
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(campaign(Path(folder), **options))))


def campaign(
    folder: Path, *, variants: int, seed: int, reader: Reader = "auto"
) -> Iterator[Outcome]:
    """Containers and kinds of damage take turns. What the reader refuses undamaged is left out."""
    isolated = IsolatedReader(Limits(seconds=20, memory_mb=1024))
    read = partial(isolated.read, frames=FRAMES.model_copy(update={"reader": reader}))
    good = {name: clip for name in CONTAINERS if (clip := _make(folder, name, read=read))}
    kinds = [(container, damage) for damage in DAMAGES for container in good]
    for number in range(variants):
        container, damage = kinds[number % len(kinds)]
        path, expected = good[container]
        data = damaged(path.read_bytes(), damage=damage, rng=np.random.default_rng((seed, number)))
        variant = path.with_stem(f"{number:04d}")
        variant.write_bytes(data)
        yield Outcome(container, damage, _result(variant, read=read, expected=expected))
    isolated.close()


def _make(folder: Path, container: str, *, read: Read) -> tuple[Path, Frames] | None:
    """A good clip and its frames; None where the reader refuses it."""
    name, codec, options = CONTAINERS[container]
    path = write_clip(folder / name, codec=codec, options=options, num_frames=NUM_FRAMES)
    try:
        frames = read(path).frames
    except DataError:
        return None
    assert numbers(frames) == [5, 15, 25, 35, 45, 55, 65, 75]
    return path, frames


def damaged(data: bytes, *, damage: str, rng: np.random.Generator) -> bytes:
    """A copy that is not the same."""
    if damage == "cut off":
        return data[: rng.integers(1, len(data))]
    count = int(2 ** rng.uniform(0, 6))  # 1 to 63 bits, few more often than many
    edge = int(len(data) * _HEADER)
    if damage == "bits of the header":
        places = rng.integers(-edge, edge, count)
    else:
        places = rng.integers(edge, len(data) - edge, count)
    changed = bytearray(data)
    for place in np.unique(places):
        changed[place] ^= 1 << rng.integers(8)
    return bytes(changed)


def _result(path: Path, *, read: Read, expected: Frames) -> str:
    try:
        clip = read(path)
    except DataError as error:
        kind = "transient" if isinstance(error, TransientError) else "rejected"
        return f"{kind}: {str(error).split(':')[0]}"
    return _accepted(clip, expected=expected)


def _accepted(clip: Clip, *, expected: Frames) -> str:
    if clip.video_frames != NUM_FRAMES:
        return WRONG[0]
    if clip.frames.shape != expected.shape or numbers(clip.frames) != numbers(expected):
        return WRONG[1]
    return RIGHT[0] if np.array_equal(clip.frames, expected) else RIGHT[1]


def table(outcomes: list[Outcome]) -> str:
    """Markdown: a row for each result, a column for each kind of damage, then each container."""
    results = Counter(outcome.result for outcome in outcomes)
    accepted = (*RIGHT, *WRONG)
    rows = [*accepted, *(name for name, _ in results.most_common() if name not in accepted)]
    columns = [*DAMAGES, *sorted({outcome.container for outcome in outcomes})]
    lines = ["| " + " | ".join(["outcome", "files", *columns]) + " |"]
    lines.append("| --- |" + " ---: |" * (1 + len(columns)))
    for result in rows:
        counts = Counter(
            place
            for outcome in outcomes
            if outcome.result == result
            for place in (outcome.damage, outcome.container)
        )
        cells = [results[result], *(counts[column] for column in columns)]
        lines.append("| " + " | ".join([result, *map(str, cells)]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
