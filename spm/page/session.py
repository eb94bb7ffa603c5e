"""What one window of the page holds. Two windows see nothing of each other; all goes with them.

Everything of a window lies in a folder of its own: its clips, its recognizers. What it has uploaded
is noted too, so that it can be deleted with the window.
"""

import os
import re
import secrets
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spm.base.errors import DataError
from spm.page.limits import PageLimits
from spm.page.results import Known, Looked
from spm.page.work import Follow, Work

CLIPS, WINDOWS = "clips", "windows"
_HASH = re.compile("[0-9a-f]{64}")
_PARTIAL = "tmp"
"""Gradio's files while they arrive."""
_UNCLAIMED_SECONDS = 900
"""An upload that no window has claimed for so long belongs to one that was closed meanwhile."""
_BUSY = "This window is still at work: wait for it, or cancel it."
_GONE = (
    "This window was closed, or away for too long, and what it was taught has gone with it: load "
    "the page again."
)


@dataclass
class Session:
    """A window."""

    folder: Path
    known: Known
    """The recognizer that is asked; its folder is never changed, but replaced."""
    turns: threading.Semaphore
    is_empty: bool = False
    """Whether it was started from nothing: then `known` is asked for its model alone."""
    waiting: dict[str, list[Path]] = field(default_factory=dict)
    """Then: the first class, which alone is no recognizer yet, and its clips."""
    tray: list[Looked] = field(default_factory=list)
    """Clips that were looked at, for the next class."""
    uploads: set[Path] = field(default_factory=set)
    work: Work | None = None
    ended: bool = False

    def claim(self, upload: str | Path) -> Path:
        """From now on the uploaded file goes with this window."""
        self.uploads.add(Path(upload))
        return Path(upload)

    def adopt(self, upload: str | Path, *, name: str | None = None) -> Path:
        """The uploaded file, held in this window's folder too: a path relative to `folder`.

        name: in place of the upload's own. The folder's name is unlike any other, so that an
        example is never taken for another one. Raises DataError once the window has ended.
        """
        if self.ended:
            raise DataError(_GONE)
        upload = self.claim(upload)
        name = re.sub(r"[^\w. -]", "_", name or upload.name).lstrip(".-")[-80:] or "clip"
        path = Path(CLIPS) / secrets.token_hex(6) / name
        (self.folder / path).parent.mkdir(parents=True)
        try:
            os.link(upload, self.folder / path)
        except OSError:
            shutil.copyfile(upload, self.folder / path)
        return path

    def new_folder(self) -> Path:
        """The path of a folder that is not there yet."""
        return self.folder / f"recognizer-{secrets.token_hex(6)}"

    def use(self, known: Known) -> None:
        """From now on this recognizer is asked; one of the window's own that was asked goes."""
        old, self.known = self.known.folder, known
        self.waiting, self.is_empty = {}, False
        if old != known.folder and old.is_relative_to(self.folder):
            shutil.rmtree(old)

    def check_free(self) -> None:
        """Raises DataError while a job runs."""
        if self.work is not None:
            raise DataError(_BUSY)

    def run(self, job: str, *arguments: Any) -> Follow:
        """Runs a job as `Work.follow`. Raises DataError while another one runs, and once the window
        has ended."""
        if self.ended:
            raise DataError(_GONE)
        self.check_free()
        self.work = Work(job, *arguments, turns=self.turns)
        try:
            return (yield from self.work.follow())
        finally:
            self.work = None

    def cancel(self) -> None:
        if self.work is not None:
            self.work.end()


class Sessions:
    """The windows that are open."""

    def __init__(self, root: Path, *, start: Known, limits: PageLimits) -> None:
        """root: gradio's folder, in which uploaded files arrive, each in a folder that is named by
        its hash; the windows' folders lie there too. start: what each window begins with."""
        self._root, self._start = root, start
        self._turns = threading.Semaphore(limits.at_once)
        self._open: dict[str, Session] = {}
        self._ended: set[str] = set()
        self._lock = threading.Lock()

    def of(self, key: str | None) -> Session:
        """The window's session, which begins here. Raises DataError for one that has ended."""
        self._sweep()
        with self._lock:
            if key is None or key in self._ended:
                raise DataError(_GONE)
            if key not in self._open:
                folder = self._root / WINDOWS / secrets.token_hex(8)
                folder.mkdir(parents=True)
                self._open[key] = Session(folder, self._start, self._turns)
            return self._open[key]

    def end(self, key: str | None) -> None:
        """Ends the window's work and deletes all that it has brought."""
        with self._lock:
            if key is not None:
                self._ended.add(key)
            session = self._open.pop(key or "", None)
        if session is not None:
            session.ended = True
            session.cancel()
            shutil.rmtree(session.folder, ignore_errors=True)
            self._delete(session.uploads)
        self._sweep()

    def close(self) -> None:
        """Ends all."""
        for key in list(self._open):
            self.end(key)

    def _held(self) -> set[Path]:
        return {path.parent for each in list(self._open.values()) for path in each.uploads}

    def _delete(self, uploads: set[Path]) -> None:
        """Two windows that upload the same file share it: it goes with the second."""
        for folder in {path.parent for path in uploads} - self._held():
            if self._is_uploaded(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Deletes what nobody has claimed, and what an upload that broke off has left."""
        now = time.time()
        for path in {*self._root.iterdir()} - self._held():
            with suppress(FileNotFoundError):  # swept by another window meanwhile
                old = now - path.stat().st_mtime > _UNCLAIMED_SECONDS
                if old and path.name.startswith(_PARTIAL):
                    path.unlink()
                elif old and self._is_uploaded(path):
                    shutil.rmtree(path, ignore_errors=True)

    def _is_uploaded(self, folder: Path) -> bool:
        return folder.parent == self._root and _HASH.fullmatch(folder.name) is not None
