"""What `clip-spm find` does and prints."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from spm.base.atomic import check_folder
from spm.base.clock import clock
from spm.base.errors import DataError
from spm.base.lock import locked
from spm.base.printable import printable
from spm.base.unwritable import make_writable
from spm.episodes.device import pick_device
from spm.finding.annotate import annotate
from spm.finding.find import Found, find_segments
from spm.finding.found_files import DOCUMENT, SEGMENTS, write_found
from spm.finding.record import SCORES
from spm.finding.timeline import timeline
from spm.recognition.commands import summary
from spm.recognition.recognizer_folder import load_recognizer
from spm.report.figures import save

TIMELINE, ANNOTATED = "timeline.png", "annotated.mp4"
_WORK = ".unfinished"
_BUSY = "process {process} is searching into %s: wait for it, or give another folder"


def find(
    folder: Path,
    video: Path,
    *,
    out: Path,
    lengths: Sequence[float] | None,
    rate: float | None,
    false_alarms: float | None,
    annotated: bool,
) -> int:
    """Searches the video, and writes what was found to `out`.

    false_alarms: in place of the share that the recognizer promises. Returns 1 if the video could
    not be read to its end.
    """
    recognizer = load_recognizer(folder)
    _check_free(out)
    if video.resolve() == (out / ANNOTATED).resolve():
        raise DataError(f"{printable(video)} would be replaced: give another folder than its own")
    make_writable(out.absolute().parent)
    recognizer.model.to(pick_device("auto"))
    if false_alarms is not None:
        recognizer.promise(false_alarms)
    print(summary(recognizer), flush=True)
    with _working(out) as work:
        found = find_segments(recognizer, video, lengths=lengths, rate=rate, work=work)
        (out / ANNOTATED).unlink(missing_ok=True)  # of an earlier search
        write_found(found, out, recognizer=recognizer)
        save(timeline(found, recognizer=recognizer), out / TIMELINE)
        if annotated:
            annotate(found, out / ANNOTATED)
    _print(found, out, annotated=annotated)
    return 0 if found.searched.is_whole else 1


@contextmanager
def _working(out: Path) -> Iterator[Path]:
    """The folder for a search's scores, for this process alone.

    After an error it stays, so that the search can go on; where nothing was scored, nothing stays.
    """
    work = out / _WORK
    with locked(work, message=_BUSY % printable(out)):
        try:
            yield work
        except BaseException:
            scores = work / SCORES
            if not (scores.is_file() and scores.stat().st_size):
                shutil.rmtree(work)
            raise
        else:
            shutil.rmtree(work)
        finally:
            if not any(out.iterdir()):
                out.rmdir()


def _check_free(out: Path) -> None:
    """Raises DataError for a folder that holds something else than an earlier search."""
    check_folder(out)
    held = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if held and not held & {DOCUMENT, _WORK}:
        raise DataError(f"{printable(out)} is there, and holds no search: give a new folder's name")


def _print(found: Found, out: Path, *, annotated: bool) -> None:
    for each in found.searched.damage:
        when = f"{clock(each.start)} to {clock(each.end)}"
        print(f"warning: {printable(found.video)}, {when}: {each.reason}", file=sys.stderr)
    lengths = ", ".join(f"{each:.3g}" for each in found.lengths)
    print(
        f"{clock(found.searched.seconds)} searched at {found.rate:.3g} pictures a second, windows "
        f"of {lengths} s: {len(found.segments)} segments"
    )
    for start, end, name, probability, _ in found.segments:
        print(
            f"  {clock(start):>9} to {clock(end):>9}  {printable(name)}  {100 * probability:.2f} %"
        )
    names = [SEGMENTS, DOCUMENT, TIMELINE, *([ANNOTATED] if annotated else [])]
    print(f"written to {printable(out)}: {', '.join(names)}")
