"""A window of the page in a real browser, and what tests do in it."""

import io
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.import_closure import ROOT

CHROMIUM = "/usr/bin/chromium"
NEEDED = "CLIP_SPM_NEEDS_BROWSER"
"""Set in CI: there a test without a browser fails, and is not skipped."""
PICTURES = "CLIP_SPM_PAGE_PICTURES"
"""A folder for pictures of the page: `docs/page` makes those of the documentation."""
_WIDTH = 860
_ARGUMENTS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
_PATIENCE = 60_000
"""Milliseconds: the machine may be busy."""


class Server:
    """`clip-spm page` with small limits, in a folder where no model is."""

    def __init__(self, folder: Path, *options: str) -> None:
        # Not in `folder`: the path of a socket has 107 bytes at most, and a test's folder many.
        self._temp = tempfile.TemporaryDirectory(prefix="page-")
        self.temp = Path(self._temp.name)
        self._log = folder / "log.txt"
        port = free_port()
        self.address = f"http://127.0.0.1:{port}/"
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "spm.serve_page", "--port", str(port), *options],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.temp)},
                stdout=log,
                stderr=log,
            )
        self._wait()

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def root(self) -> Path:
        """Where all that is uploaded lies."""
        (found,) = self.temp.glob("clip-spm-page-*")
        return found

    def uploads(self) -> list[str]:
        """Folders of uploaded files."""
        return [path.name for path in self.root.iterdir() if len(path.name) == 64]

    def windows(self) -> list[str]:
        return [path.name for path in (self.root / "windows").iterdir()]

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)

    def _wait(self) -> None:
        deadline = time.monotonic() + 180
        while "the page: " not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.2)


class Window:
    """A window of its own, as of another user."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[str] = []
        self.faults: list[str] = []
        page.set_default_timeout(_PATIENCE)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def open(self, address: str) -> None:
        self.page.goto(address)
        self.page.wait_for_selector("#known .knows")

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def known(self) -> str:
        return str(self.page.inner_text("#known"))

    def wait_for(self, place: str, words: str) -> str:
        """The text there, once it has these words."""
        found = self.page.locator(place).filter(has_text=words)
        found.first.wait_for()
        return str(found.first.inner_text())

    def drop_to_teach(self, clips: Sequence[Path]) -> None:
        self.page.set_input_files("#teach-files input[type=file]", [*map(str, clips)])

    def teach(self, name: str, clips: Sequence[Path]) -> None:
        self.tab("Teach")
        self.drop_to_teach(clips)
        self.wait_for("#tray", f"{len(clips)} clip")
        self.page.fill("#teach-name textarea, #teach-name input", name)
        self.page.click("#teach")
        self.wait_for("#teach-words", f"Taught “{name}”")

    def recognise(self, clip: Path) -> str:
        """The answer's headline."""
        self.tab("Recognise")
        if (clear := self.page.locator("#recognise-clip button[aria-label=Clear]")).count():
            clear.click()
        self.page.wait_for_selector("#answer .answer", state="detached")
        self.page.set_input_files("#recognise-clip input[type=file]", str(clip))
        self.page.wait_for_selector("#answer .answer")
        return str(self.page.inner_text("#answer h3"))

    def widths(self) -> tuple[int, int]:
        """Of the page, and of what it shows."""
        code = "[document.documentElement.clientWidth, document.documentElement.scrollWidth]"
        inner, outer = self.page.evaluate(code)
        return inner, outer

    def picture(self, name: str) -> None:
        if folder := os.environ.get(PICTURES):
            self.page.wait_for_timeout(500)
            whole = Image.open(io.BytesIO(self.page.screenshot(full_page=True))).convert("RGB")
            size = (min(_WIDTH, whole.width), round(whole.height * min(1, _WIDTH / whole.width)))
            whole.resize(size).quantize(128).save(f"{folder}/{name}.png", optimize=True)


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium. Skips where it cannot be had; fails where it is needed."""
    if not Path(CHROMIUM).is_file():
        reason = f"needs {CHROMIUM}: apt-get install -y chromium"
        if os.environ.get(NEEDED):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_ARGUMENTS, *root])
        yield browser
        browser.close()


@contextmanager
def window(browser: Any, *, width: int = 1280) -> Iterator[Window]:
    """A new window. At its end: nothing was asked of another machine, and no script failed."""
    context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
    opened = Window(context.new_page())
    try:
        yield opened
    finally:
        context.close()
    elsewhere = [each for each in opened.requests if not _is_here(each)]
    assert not elsewhere
    assert not opened.faults


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_here(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))
