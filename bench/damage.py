"""Tests the isolated reader on damaged files: python -m bench.damage 10000 --seed 0

Good clips of every container and codec (bench.catalogue), whose frames show their number, are
damaged at random (bench.harm) and read as in the stage `frames`. A table counts the outcomes by
container and kind of damage, with the clips that were accepted with wrong frames. No file may end
the run. A seed always gives the same damage, but some encoders write different bytes each time.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from bench.burnt import numbers
from bench.catalogue import CATALOGUE, Sample
from bench.harm import HARMS
from spm.base import command
from spm.base.errors import DataError
from spm.config.frames import FramesConfig, Reader
from spm.isolation.isolated_reader import IsolatedReader
from spm.isolation.watched_process import Limits
from spm.video.clip import Clip

Read = Callable[[Path], Clip]
GOOD = [sample for sample in CATALOGUE if sample.numbers]
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
LIMITS = Limits(seconds=20, memory_mb=1024)

SAME, OTHER = "same pixels", "other pixels"
RIGHT = (SAME, OTHER)
LOST, WRONG_PICTURES = "frames lost", "wrong pictures"
WRONG = (LOST, WRONG_PICTURES)
TRUNCATED, DAMAGED, UNREADABLE = "truncated", "damaged", "unreadable"
NOTHING, ELSE = "nothing to read", "refused else"
REFUSED = (TRUNCATED, DAMAGED, UNREADABLE, NOTHING, ELSE)
CRASHED, OUT_OF_TIME, OUT_OF_MEMORY = "crashed", "out of time", "out of memory"
FAILED = (CRASHED, OUT_OF_TIME, OUT_OF_MEMORY)
ENDED = "ended the run"
OUTCOMES = (*RIGHT, *WRONG, *REFUSED, *FAILED, ENDED)
_WORDS = {"the decoder": CRASHED, "the reader failed": CRASHED, "no ": NOTHING, "an image": NOTHING}
"""The beginning of a reason -> the outcome, for reasons that do not begin with the outcome."""


class Outcome(NamedTuple):
    container: str
    damage: str
    result: str
    """One of OUTCOMES."""


def main() -> int:
    """Returns the exit status: 0, or 1 if a file would have ended a run."""
    parser = argparse.ArgumentParser(prog="python -m bench.damage", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("variants", type=int, metavar="N", help="number of damaged files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=get_args(Reader), default="auto")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = list(
            campaign(Path(folder), variants=given.variants, seed=given.seed, reader=given.reader)
        )
    ended = sum(outcome.result == ENDED for outcome in outcomes)
    print(f"{table(outcomes)}\n\n{len(outcomes):,} files; ended runs: {ended}")
    return int(ended > 0)


def campaign(
    folder: Path,
    *,
    variants: int,
    seed: int,
    reader: Reader = "auto",
    samples: Sequence[Sample] = GOOD,
) -> Iterator[Outcome]:
    """Yields outcomes, cycling through clips and kinds of damage. Clips that the reader refuses
    undamaged are left out."""
    isolated = IsolatedReader(LIMITS)
    read = partial(isolated.read, frames=FRAMES.model_copy(update={"reader": reader}))
    try:
        good = [clip for sample in samples if (clip := _make(folder, sample, read=read))]
        kinds = [(path, clip, harm) for harm in HARMS for path, clip in good]
        for number in range(variants):
            path, clip, harm = kinds[number % len(kinds)]
            data = HARMS[harm](path.read_bytes(), np.random.default_rng((seed, number)))
            variant = path.with_stem(f"{number:05d}")
            variant.write_bytes(data)
            yield Outcome(path.suffix[1:], harm, _result(variant, read=read, expected=clip))
            variant.unlink()
    finally:
        isolated.close()


def _make(folder: Path, sample: Sample, *, read: Read) -> tuple[Path, Clip] | None:
    """A good file, and the clip that the reader returns for it; None if the reader refuses it."""
    path = sample.make(folder / sample.name)
    try:
        clip = read(path)
    except DataError:
        return None
    assert clip.video_frames == len(sample.numbers)
    assert set(numbers(clip.frames)) <= set(sample.numbers)
    return path, clip


def _result(path: Path, *, read: Read, expected: Clip) -> str:
    try:
        return _accepted(read(path), expected=expected)
    except DataError as error:
        return _refused(str(error))
    except Exception as error:  # any exception would end the stage
        print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr)
        return ENDED


def _refused(reason: str) -> str:
    begins = {outcome: outcome for outcome in (*REFUSED, *FAILED)} | _WORDS
    return next((begins[word] for word in begins if reason.startswith(word)), ELSE)


def _accepted(clip: Clip, *, expected: Clip) -> str:
    if clip.video_frames != expected.video_frames:
        return LOST
    same_shape = clip.frames.shape == expected.frames.shape
    if same_shape and np.array_equal(clip.frames, expected.frames):
        return SAME
    return OTHER if numbers(clip.frames) == numbers(expected.frames) else WRONG_PICTURES


def table(outcomes: Sequence[Outcome]) -> str:
    """A Markdown table: rows for each container, each kind of damage, and each pair of them."""
    shown = [result for result in OUTCOMES if any(each.result == result for each in outcomes)]
    counts: dict[tuple[str, str], Counter[str]] = {}
    for container, damage, result in outcomes:
        for place in {("all", "all"), (container, "all"), ("all", damage), (container, damage)}:
            counts.setdefault(place, Counter())[result] += 1
    lines = ["| " + " | ".join(["container", "damage", "files", *shown]) + " |"]
    lines.append("| --- | --- |" + " ---: |" * (1 + len(shown)))
    for place in sorted(counts, key=_order):
        cells = [counts[place].total(), *(counts[place][result] for result in shown)]
        lines.append("| " + " | ".join([*place, *(f"{cell:,}" for cell in cells)]) + " |")
    return "\n".join(lines)


def _order(place: tuple[str, str]) -> tuple[bool, str, int]:
    container, damage = place
    return container != "all", container, [*HARMS, "all"].index(damage) if damage != "all" else -1


if __name__ == "__main__":
    command.run(main)
