"""Tests which reader returns the right frames of which kind of clip (bench.catalogue)."""

import multiprocessing
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from bench.bare_readers import READERS, Read
from bench.burnt import numbers
from bench.catalogue import CATALOGUE
from spm.base.arrays import Frames
from spm.base.errors import ConfigError, DataError
from spm.config.frames import Reader
from spm.video.clip import Pick
from spm.video.counting_readers import check_installed
from spm.video.reading import read_frames

RIGHT, REFUSED = "right", "refused"
_SECONDS = 20
OURS: tuple[Reader, ...] = ("auto", "pyav", "decord", "torchcodec")


def readers() -> dict[str, Read]:
    """Our readers by `frames.reader`, then the baseline readers; only installed ones."""
    found = {f"`{name}`": _ours(name) for name in OURS if _is_installed(name)}
    return found | {f"{name}, bare": read for name, read in READERS.items()}


def outcomes(folder: Path) -> Iterator[dict[str, str]]:
    """A row for each kind of clip: {"file", reader: RIGHT, REFUSED or the kind of error}."""
    for sample in CATALOGUE:
        path = sample.make(folder / sample.name)
        yield {"file": sample.name} | {
            name: isolated(partial(_judged, read, path, expected=sample.numbers))
            for name, read in readers().items()
        }


def _is_installed(reader: Reader) -> bool:
    try:
        check_installed(reader)
    except ConfigError:
        return False
    return True


def _ours(reader: Reader) -> Read:
    def read(path: Path, pick: Pick) -> tuple[int, list[Frames]]:
        size = 97 if "odd" in path.name else 96
        clip = read_frames(path, pick=pick, short_side=size, reader=reader)
        return clip.video_frames, list(clip.frames)

    return read


def isolated(call: Callable[[], str]) -> str:
    """Calls `call` in a process of its own, since baseline readers may crash or hang."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=lambda: theirs.send(call()))
    process.start()
    theirs.close()
    try:
        return str(ours.recv()) if ours.poll(_SECONDS) else "hangs"
    except EOFError:
        return "crashes"
    finally:
        process.kill()
        process.join()


def _judged(read: Read, path: Path, *, expected: tuple[int, ...]) -> str:
    try:
        num_frames, frames = read(path, _pick)
    except DataError:
        return REFUSED
    except Exception as error:  # each library raises its own errors
        return f"error: {type(error).__name__}" if expected else REFUSED
    if not expected:
        return "not noticed"
    if num_frames != len(expected):
        return f"wrong: counts {num_frames} of {len(expected)}"
    wanted = [expected[place] for place in _pick(num_frames)]
    wrong = sum(a != b for a, b in zip(numbers(np.stack(frames)), wanted, strict=True))
    return f"wrong: {wrong} of {len(wanted)}" if wrong else RIGHT


def _pick(num_frames: int) -> np.ndarray:
    """Up to 16 random frame indices, ascending."""
    rng = np.random.default_rng(0)
    return np.sort(rng.choice(num_frames, min(16, num_frames), replace=False))
