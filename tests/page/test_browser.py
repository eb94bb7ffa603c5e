"""The page in Debian's Chromium: everything that a user does in it, and what goes wrong."""

import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError

from spm.recognition.from_tower import model_from_tower
from spm.recognition.recognizer import Recognizer
from spm.recognition.recognizer_folder import load_recognizer
from tests.page.browser import Server, Window, chromium, window
from tests.page.drawn import AWAY, CIRCLING, MEETING, PUTTING, broken, drawn, long

pytestmark = pytest.mark.slow
_TABS = {
    "Recognise": "Try a clip.",
    "Teach": "Show it an action.",
    "Find": "Search a long video.",
    "Keep": "Take it with you.",
}
"""Each with the first words of its panel."""
_LIMITS = ("--max-mb", "4", "--max-seconds", "10", "--max-minutes", "5", "--max-clips", "20")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("page"), *_LIMITS)
    yield started
    started.stop()


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Window]:
    with window(browser) as opened:
        opened.open(server.address)
        yield opened


def test_the_first_minute_needs_nothing_of_ones_own(page: Window) -> None:
    known = page.known()
    assert "It knows 3 actions" in known
    assert "trained on pictures of drawn shapes, and nothing on clips" in known
    assert "It can say “none of these”" in known
    page.page.get_by_text("moving something down", exact=True).last.click()
    assert page.wait_for("#answer h3", "moving something down").endswith("%")
    assert page.page.locator("#answer .bars li").count() == 3
    captions = page.page.locator("#answer figcaption").all_inner_texts()
    assert "nearest example" in captions[0]
    assert "Where the frames speak" in captions[1]
    page.picture("recognise")
    page.page.get_by_text("an action that it was not shown").click()
    page.wait_for("#answer h3", "None of these")
    page.tab("Find")
    page.page.get_by_text("a drawn video of half a minute").click()
    page.page.wait_for_selector("#find-video video")
    page.page.click("#find")
    page.wait_for("#found h3", "segment")
    page.picture("find")


def test_a_window_teaches_three_actions_and_another_loads_them(
    page: Window, browser: Any, server: Server, tmp_path: Path
) -> None:
    _start_from_nothing(page)
    for name, cls in (("putting it on", PUTTING), ("going away", AWAY)):
        page.teach(name, drawn(tmp_path, cls, range(4)))
    page.tab("Teach")
    page.drop_to_teach(drawn(tmp_path, MEETING, range(4)))
    page.wait_for("#tray", "4 clips for")
    page.page.fill("#teach-name textarea, #teach-name input", "meeting")
    page.picture("teach")
    page.page.click("#teach")
    page.wait_for("#teach-words", "Taught “meeting” with 4 clips")
    assert "It knows 3 actions" in page.known()
    (seen,) = drawn(tmp_path, PUTTING, range(10, 11))
    assert page.recognise(seen).startswith("putting it on")
    assert "beside the nearest example" in page.page.inner_text("#answer")
    assert page.recognise(drawn(tmp_path, CIRCLING, range(9, 10))[0]) == "None of these"
    _find_and_jump(page, long(tmp_path, [CIRCLING, PUTTING, AWAY, CIRCLING, MEETING], times=1))
    saved = _save(page, tmp_path)
    with window(browser) as other:
        other.open(server.address)
        assert "moving something down" in other.known()
        assert "putting it on" not in other.known()
        other.tab("Keep")
        other.page.set_input_files("#load input[type=file]", str(saved))
        other.wait_for("#keep-words", "Loaded kitchen.zip")
        assert "putting it on" in other.known()
        assert other.recognise(seen).startswith("putting it on")
        assert "a saved recognizer keeps none" in other.page.inner_text("#answer")
    with zipfile.ZipFile(saved) as archive:
        assert "recognizer.json" in archive.namelist()
        assert "/" not in re.sub(r"clips/\w+/", "", archive.read("recognizer.json").decode())


def test_it_learns_from_a_camera(page: Window) -> None:
    page.tab("Teach")
    page.page.get_by_text("Or record with the camera").click()
    for number in (1, 2):
        _record_until(page, number)
    page.page.fill("#teach-name textarea, #teach-name input", "a green disc")
    page.page.click("#teach")
    page.wait_for("#teach-words", "Taught “a green disc” with 2 clips")


def test_bad_files_are_sentences_and_the_page_goes_on(page: Window, tmp_path: Path) -> None:
    good = drawn(tmp_path, PUTTING, range(1))
    page.tab("Teach")
    page.drop_to_teach([broken(tmp_path, good[0]), *good])
    said = page.wait_for("#teach-words", "Not taken")
    assert "broken.mp4: truncated" in said
    assert str(tmp_path) not in said
    page.wait_for("#tray", "1 clip for")
    page.picture("wrong")
    page.drop_to_teach([long(tmp_path, [PUTTING, AWAY, MEETING, CIRCLING], times=2)])
    page.wait_for("#teach-words", "a clip is one action of at most 10 s")
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(5 << 20))
    page.drop_to_teach([large])
    page.wait_for("body", "maximum allowed size")
    page.tab("Keep")
    page.page.set_input_files("#load input[type=file]", str(_not_a_recognizer(tmp_path)))
    said = page.wait_for("#keep-words", "evil.zip")
    assert "it was not saved here" in said
    page.tab("Recognise")
    page.page.set_input_files("#recognise-clip input[type=file]", str(tmp_path / "broken.mp4"))
    page.wait_for("#recognise-words", "broken.mp4: truncated")
    assert page.recognise(good[0])
    page.tab("Teach")
    page.page.click("#teach")
    page.wait_for("#teach-words", "Give the action a name first")


def test_twenty_clips_at_once_and_no_more(page: Window, tmp_path: Path) -> None:
    clips = drawn(tmp_path, PUTTING, range(21))
    page.tab("Teach")
    page.drop_to_teach(clips)
    page.wait_for("#teach-words", "at most 20")
    page.drop_to_teach(clips[:20])
    page.wait_for("#tray", "20 clips for")
    assert page.page.locator("#tray figure").count() == 20


def test_a_search_is_cancelled(page: Window, server: Server, tmp_path: Path) -> None:
    _search(page, long(tmp_path, [PUTTING, AWAY, MEETING, CIRCLING], times=20))
    workers = _workers(server)
    page.page.locator(".cancel:visible").click()
    page.wait_for("#find-words", "Cancelled. Nothing was changed.")
    assert workers
    assert not _workers(server)
    page.tab("Recognise")
    page.page.get_by_text("putting something onto something", exact=True).last.click()
    page.wait_for("#answer h3", "putting something onto something")


def test_an_answer_goes_with_its_clip(page: Window, server: Server, tmp_path: Path) -> None:
    """When the next clip is refused or cancelled too."""
    _example(page, "moving something down")
    page.wait_for("#answer h3", "moving something down")
    _search_and_hold(page, server, long(tmp_path, [PUTTING, AWAY], times=20))
    page.tab("Recognise")
    _example(page, "putting something onto something")
    page.wait_for("#recognise-words", "This window is still at work")
    assert not page.page.locator("#answer .answer").count()
    page.tab("Find")
    page.page.locator(".cancel:visible").click()
    page.wait_for("#find-words", "Cancelled")
    page.tab("Recognise")
    page.page.get_by_role("button", name="Ask again").click()
    page.wait_for("#answer h3", "putting something onto something")
    _example(page, "moving something down")
    _hold(page, server)
    page.page.get_by_role("button", name="Ask again").click()
    page.wait_for("#recognise-words", "This window is still at work")
    page.page.locator(".cancel:visible").click()
    page.wait_for("#recognise-words", "Cancelled")
    assert not page.page.locator("#answer .answer").count()


def test_the_clip_that_is_shown_is_the_one_that_is_answered(page: Window, server: Server) -> None:
    """Each click on an example ends the work for the one before."""
    _example(page, "moving something down")
    page.wait_for("#answer h3", "moving something down")
    _ask_and_hold(page, server)
    _example(page, "putting something onto something")
    page.wait_for("#answer h3", "putting something onto something")
    page.page.locator(".cancel:visible").wait_for(state="detached")
    assert not page.page.inner_text("#recognise-words").strip()
    _ask_and_hold(page, server)
    _example(page, "moving something down")
    _example(page, "an action that it was not shown")
    page.wait_for("#answer h3", "None of these")
    page.page.locator(".cancel:visible").wait_for(state="detached")


def test_a_search_ends_when_another_video_is_shown(
    page: Window, server: Server, tmp_path: Path
) -> None:
    _search_and_hold(page, server, long(tmp_path, [PUTTING, AWAY], times=20))
    page.page.get_by_text("a drawn video of half a minute").click()
    page.page.locator(".cancel:visible").wait_for(state="detached")
    assert not page.page.inner_text("#find-words").strip()
    assert not page.page.locator("#found .found").count()
    page.page.click("#find")
    assert "Searched 0:" in page.wait_for("#found .found", "segment")
    assert "too many output values" not in server.said


def test_a_window_at_work_refuses_and_goes_on(page: Window, server: Server, tmp_path: Path) -> None:
    _search_and_hold(page, server, long(tmp_path, [PUTTING, AWAY], times=20))
    page.tab("Teach")
    page.drop_to_teach(drawn(tmp_path, PUTTING, range(1)))
    page.wait_for("#teach-words", "This window is still at work")
    assert PUTTING not in page.page.inner_text("#teach-files")
    page.page.get_by_text("Forget an action, or start from nothing").click()
    page.page.get_by_role("button", name="Start from nothing", exact=True).click()
    page.wait_for("[data-testid=toast-body]", "This window is still at work")
    assert "It knows 3 actions" in page.known()


def test_a_folder_that_cannot_be_written_is_a_sentence(page: Window, server: Server) -> None:
    for name in server.windows():
        with suppress(FileExistsError):
            (server.root / "windows" / name / "clips").touch(exist_ok=False)
    _example(page, "moving something down")
    page.wait_for("#recognise-words", "cannot be written: a folder above it is a file")
    assert "Traceback" not in server.said


@pytest.mark.parametrize("headers", [{"Host": "x.example"}, {"Origin": "http://x.example"}])
def test_no_other_site_is_answered(server: Server, headers: dict[str, str]) -> None:
    with urllib.request.urlopen(server.address) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(f"{server.address}config", headers=headers))


@pytest.mark.parametrize("width", [1280, 400])
def test_every_tab_fits(browser: Any, server: Server, width: int) -> None:
    with window(browser, width=width) as page:
        page.open(server.address)
        page.page.get_by_text("moving something down", exact=True).last.click()
        page.wait_for("#answer h3", "moving something down")
        for name, words in _TABS.items():
            page.tab(name)
            page.page.locator(f"[role=tabpanel]:visible >> text={words}").first.wait_for()
            inner, outer = page.widths()
            assert outer <= inner, name
            if (name, width) == ("Recognise", 400):
                page.picture("narrow")


def test_uploads_go_with_the_window(browser: Any, server: Server, tmp_path: Path) -> None:
    _until(lambda: not server.windows() and not server.uploads())
    with window(browser) as page:
        page.open(server.address)
        page.tab("Teach")
        page.drop_to_teach(drawn(tmp_path, PUTTING, range(2)))
        page.wait_for("#tray", "2 clips for")
        assert len(server.uploads()) == 2
        assert len(server.windows()) == 1
    _until(lambda: not server.windows() and not server.uploads())


def test_a_recognizer_of_ones_own_and_nothing_stays_when_the_page_ends(
    browser: Any, tmp_path: Path
) -> None:
    """Of a model without training: it cannot say "none of these", and the page says so."""
    examples = {
        "putting": drawn(tmp_path, PUTTING, range(2)),
        "going": drawn(tmp_path, AWAY, range(2)),
    }
    made = Recognizer.enroll(model_from_tower("builtin-clip", method="otam"), examples)
    made.save(tmp_path / "kitchen")
    server = Server(tmp_path, "kitchen")
    with window(browser) as page:
        page.open(server.address)
        assert "It cannot say “none of these”" in page.known()
        assert not page.page.get_by_text("Example clips").count()
        assert page.recognise(drawn(tmp_path, CIRCLING, range(1))[0]).endswith("%")
        assert "so every clip gets a name" in page.page.inner_text("#answer")
        assert _status(f"{server.address}gradio_api/file={tmp_path / 'log.txt'}") == 403
        assert server.stop() == 143
        assert not list(server.temp.glob("clip-spm-page-*"))
        assert "Traceback" not in server.said
    assert load_recognizer(tmp_path / "kitchen").classes


def _example(page: Window, name: str) -> None:
    page.page.locator("button.gallery-item").filter(has_text=name).click()


def _ask_and_hold(page: Window, server: Server) -> None:
    page.page.get_by_role("button", name="Ask again").click()
    _hold(page, server)


def _hold(page: Window, server: Server) -> None:
    """The work that has begun goes on no more, and can be cancelled."""
    page.page.locator(".cancel:visible").wait_for()
    for pid in _workers(server):
        os.kill(int(pid), signal.SIGSTOP)


def _search_and_hold(page: Window, server: Server, video: Path) -> None:
    _search(page, video)
    _hold(page, server)


def _search(page: Window, video: Path) -> None:
    """Until the search has begun."""
    page.tab("Find")
    page.page.set_input_files("#find-video input[type=file]", str(video))
    page.page.wait_for_selector("#find-video video")
    page.page.click("#find")
    page.wait_for("#find-words", "Searched")


def _start_from_nothing(page: Window) -> None:
    page.tab("Teach")
    page.page.get_by_text("Forget an action, or start from nothing").click()
    page.page.get_by_role("button", name="Start from nothing", exact=True).click()
    page.wait_for("#known", "It knows nothing yet")


def _find_and_jump(page: Window, video: Path) -> None:
    page.tab("Find")
    page.page.set_input_files("#find-video input[type=file]", str(video))
    page.page.wait_for_selector("#find-video video")
    page.page.click("#find")
    page.wait_for("#found h3", "segment")
    row = page.page.locator("#found tbody tr").filter(has_text="putting it on").first
    shown = "document.querySelector('#find-video video')"
    page.page.evaluate(f"{shown}.playbackRate = 0")  # it stands where the jump ends
    row.locator(".jump").click()
    minutes, seconds = re.search(r"(\d+):([\d.]+)", row.inner_text()).groups()  # type: ignore
    begin = 60 * int(minutes) + float(seconds)
    at = page.page.evaluate(f"{shown}.currentTime")
    assert at == pytest.approx(begin, abs=0.15)
    assert page.page.locator("#found .track button").count() >= 1


def _save(page: Window, folder: Path) -> Path:
    page.tab("Keep")
    page.page.click("#save")
    page.wait_for("#keep-words", "Saved")
    page.picture("keep")
    with page.page.expect_download() as download:
        page.page.click("#download")
    path = folder / "kitchen.zip"
    download.value.save_as(path)
    return path


def _record_until(page: Window, count: int) -> None:
    """Records again where a busy machine's camera had given no picture when it was stopped."""
    tray = page.page.locator("#tray").filter(has_text=re.compile(rf"\b{count} clips? for"))
    for _ in range(4):
        _record(page)
        with suppress(TimeoutError):
            tray.wait_for(timeout=10_000)
            return
        page.wait_for("#teach-words", "There is no picture in it")
    pytest.fail("four recordings without a picture")


def _record(page: Window) -> None:
    camera = page.page.locator("#teach-camera")
    access = camera.get_by_text("Click to Access Webcam")
    record = camera.get_by_text("Record", exact=True)
    access.or_(record).first.wait_for()
    if access.count():
        access.click()
    record.click()
    page.page.wait_for_timeout(2500)
    camera.get_by_text("Stop", exact=True).click()


def _not_a_recognizer(folder: Path) -> Path:
    path = folder / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../recognizer.json", "{}")
    return path


def _workers(server: Server) -> list[str]:
    """The children of the process from which the server's are forked."""
    return [pid for each in _children(str(server.process.pid)) for pid in _children(each)]


def _children(pid: str) -> list[str]:
    found = subprocess.run(["ps", "--ppid", pid, "-o", "pid="], capture_output=True, text=True)
    return found.stdout.split()


def _status(address: str) -> int:
    try:
        with urllib.request.urlopen(address) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _until(holds: Any) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)
