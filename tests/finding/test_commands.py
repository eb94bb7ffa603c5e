"""`clip-spm find`: what it writes, prints and refuses."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from spm import find as door
from spm.base.errors import ConfigError, DataError, InputError, StorageError
from spm.base.lock import locked
from spm.finding import annotate as annotating
from spm.finding import commands
from spm.finding.find import find_segments
from spm.finding.segments import Segment
from spm.finding.timeline import timeline
from spm.isolation.isolated_long import IsolatedLong
from spm.isolation.long_part import LongPart
from spm.recognition.from_tower import model_from_tower
from spm.recognition.recognizer import Recognizer
from spm.recognition.recognizer_folder import load_recognizer
from spm.report.figures import save
from tests.import_closure import ROOT
from tests.machines import disk, told
from tests.recognition.examples import video, videos

Run = Callable[..., int]
Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 seconds."""
    return video(tmp_path_factory.mktemp("long") / "long.mp4", seed=7, num_frames=120)


@pytest.fixture(scope="module")
def knowing(kitchen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recognizer that takes everything for one of its classes."""
    recognizer = load_recognizer(kitchen)
    assert recognizer.threshold is not None
    recognizer.threshold = recognizer.threshold.model_copy(update={"value": -1e9})
    folder = tmp_path_factory.mktemp("knowing") / "kitchen"
    recognizer.save(folder)
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command in a folder of its own; long videos are read in processes of their own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["find", *map(str, arguments)])
        return door.main()

    return run


@pytest.mark.usefixtures("reads_here")
def test_a_search_writes_a_table_a_document_and_a_picture(
    run: Run, knowing: Path, long: Path, tmp_path: Path, capsys: Output
) -> None:
    assert run(knowing, long, "--out", "out", "--lengths", "2,4") == 0
    assert {each.name for each in (tmp_path / "out").iterdir()} == {
        *("segments.csv", "find.json", "timeline.png")
    }
    document = json.loads((tmp_path / "out/find.json").read_text(encoding="utf-8"))
    assert document["seconds"] == pytest.approx(20)
    assert document["lengths"] == [2, 4]
    assert document["damage"] == []
    assert document["whole"] is True
    with open(tmp_path / "out/segments.csv", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == len(document["segments"]) >= 5
    for row, segment in zip(rows, document["segments"], strict=True):
        assert {name: str(value) for name, value in segment.items()} == row
        assert 0 <= segment["start"] < segment["end"] <= 20
        assert segment["class"] in ("pouring", "stirring")
    printed = capsys.readouterr().out
    assert "0:20 searched at 4 pictures a second, windows of 2, 4 s" in printed
    assert printed.count("stirring  ") + printed.count("pouring  ") >= len(rows)


@pytest.mark.usefixtures("reads_here")
def test_nothing_found_is_an_empty_table(run: Run, kitchen: Path, long: Path) -> None:
    recognizer = load_recognizer(kitchen)
    assert recognizer.threshold is not None
    recognizer.threshold = recognizer.threshold.model_copy(update={"value": 1e9})
    recognizer.save("strict")
    assert run("strict", long, "--out", "out") == 0
    assert Path("out/segments.csv").read_text(encoding="utf-8") == (
        "start,end,class,probability,score\n"
    )


@pytest.mark.usefixtures("reads_here")
def test_another_share_of_false_alarms(run: Run, kitchen: Path, long: Path) -> None:
    for share in (0.5, 0.01):
        assert run(kitchen, long, "--out", f"out{share}", "--false-alarms", share) == 0
    many, few = (
        json.loads(Path(f"out{share}/find.json").read_text(encoding="utf-8"))["threshold"]
        for share in (0.5, 0.01)
    )
    assert many["value"] < few["value"]
    assert (many["false_alarms"], few["false_alarms"]) == (0.5, 0.01)


def test_the_copy_shows_the_words_under_each_picture(run: Run, knowing: Path, long: Path) -> None:
    """In processes of their own: the video is read twice."""
    assert run(knowing, long, "--out", "out", "--annotate") == 0
    with av.open("out/annotated.mp4") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert float(stream.average_rate) == 6
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(pictures) == 120
    assert pictures[0].shape == (264, 240, 3)  # 40 pixels six times, and the strip
    strip = pictures[30][240:]
    assert strip.max() > 150
    assert np.median(strip) < 40


def test_the_words_are_of_the_best_segment_at_that_time() -> None:
    found = [Segment(1, 3, "a", 0.5, 1.0), Segment(2, 4, "b", 0.7, 2.0)]
    asked = [(0.5, ""), (1.5, "a  50 %"), (2.5, "b  70 %"), (3.0, "b  70 %"), (4.0, "")]
    for seconds, words in asked:
        assert annotating._words(seconds, found) == words


@pytest.mark.usefixtures("reads_here")
def test_a_damaged_stretch_is_told(run: Run, knowing: Path, tmp_path: Path, capsys: Output) -> None:
    path = video(tmp_path / "damaged.mp4", seed=7, num_frames=240)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    path.write_bytes(data)
    assert run(knowing, path, "--out", "out") == 0
    said = capsys.readouterr().err
    assert told("find, a damaged stretch of a long video").search(said)
    (damage, *_) = json.loads(Path("out/find.json").read_text(encoding="utf-8"))["damage"]
    assert 10 < damage["start"] < damage["end"] < 30


@pytest.mark.usefixtures("reads_here")
def test_a_video_of_one_frame(run: Run, knowing: Path, tmp_path: Path) -> None:
    path = video(tmp_path / "one.mp4", seed=7, num_frames=1)
    assert run(knowing, path, "--out", "out") == 0
    (row,) = csv.DictReader(open("out/segments.csv", encoding="utf-8"))  # noqa: SIM115
    assert float(row["start"]) == 0


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (["kitchen", "no.mp4", "--out", "out"], DataError, "no.mp4 is no video file"),
        (["kitchen", "support", "--out", "out"], DataError, "support is no video file"),
        (["kitchen", "text.mp4", "--out", "out"], DataError, "unreadable"),
        (["support", "long.mp4", "--out", "out"], DataError, "is no recognizer"),
        (["kitchen", "long.mp4", "--out", "o", "--lengths", "a"], ConfigError, "give seconds"),
        (["kitchen", "long.mp4", "--out", "o", "--lengths", "0"], ConfigError, "lengths above 0"),
        (["kitchen", "long.mp4", "--out", "o", "--rate", "0"], ConfigError, "a rate above 0"),
        (["kitchen", "long.mp4", "--out", "o", "--false-alarms", "2"], ConfigError, "between 0"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_long_work(
    run: Run,
    kitchen: Path,
    long: Path,
    tmp_path: Path,
    arguments: list[str],
    error: type[InputError],
    sentence: str,
) -> None:
    shutil.copytree(kitchen, tmp_path / "kitchen")
    shutil.copy(long, tmp_path / "long.mp4")
    (tmp_path / "support").mkdir()
    (tmp_path / "support/a.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "text.mp4").write_text("no video\n" * 100, encoding="utf-8")
    with pytest.raises(error, match=sentence):
        run(*arguments)
    names = {"kitchen", "long.mp4", "support", "text.mp4"}
    assert {each.name for each in tmp_path.iterdir()} == names


def test_a_folder_that_holds_something_else_is_left_as_it_is(
    run: Run, kitchen: Path, long: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "support/a.txt"
    kept.parent.mkdir()
    kept.write_text("mine", encoding="utf-8")
    with pytest.raises(DataError) as raised:
        run(kitchen, long, "--out", "support")
    assert told("find, a folder that holds something else").fullmatch(str(raised.value))
    assert kept.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("make", [Path.touch, os.mkfifo])
def test_what_is_no_folder_is_left_as_it_is(
    run: Run, kitchen: Path, long: Path, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "out")
    with pytest.raises(StorageError) as error:
        run(kitchen, long, "--out", "out")
    assert told("enroll, a device or a pipe as --out").search(str(error.value))
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_crash_of_the_decoder_ends_the_search_there_and_is_told(
    run: Run, knowing: Path, long: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    take = IsolatedLong.take

    def crashing(opened: IsolatedLong, count: int) -> LongPart:
        if opened._next >= 64:
            os.kill(opened._process._process._process.pid, signal.SIGSEGV)  # type: ignore[union-attr]
        return take(opened, count)

    monkeypatch.setattr(IsolatedLong, "take", crashing)
    assert run(knowing, long, "--out", "out", "--rate", "6", "--annotate") == 1
    with av.open("out/annotated.mp4") as container:
        assert sum(1 for _ in container.decode(video=0)) == 64
    assert told("find, a long video that crashes its decoder").search(capsys.readouterr().err)
    document = json.loads(Path("out/find.json").read_text(encoding="utf-8"))
    assert not document["whole"]
    assert document["seconds"] == pytest.approx(64 / 6, abs=1e-3)
    assert document["segments"][-1]["end"] <= 64 / 6 + 1e-3


def test_a_video_is_not_replaced_by_its_own_copy(
    run: Run, knowing: Path, long: Path, tmp_path: Path
) -> None:
    (tmp_path / "find.json").write_text("{}", encoding="utf-8")
    copy = Path(shutil.copy(long, tmp_path / "annotated.mp4"))
    with pytest.raises(DataError, match="would be replaced"):
        run(knowing, copy, "--out", tmp_path, "--annotate")
    assert copy.read_bytes() == long.read_bytes()


@pytest.mark.usefixtures("reads_here")
@pytest.mark.parametrize("names", [["$_$", "b"], [f"c{number}" for number in range(300)]])
def test_a_timeline_of_odd_names_and_of_many_classes(
    knowing: Path, long: Path, tmp_path: Path, names: list[str]
) -> None:
    recognizer = load_recognizer(knowing)
    (first, *_) = recognizer.classes.values()
    shown = [replace(first, name=name) for name in names]
    other = Recognizer(recognizer.model, shown, text_trained=None)
    found = find_segments(other, long, lengths=[4], rate=1)
    save(timeline(found, recognizer=other), tmp_path / "timeline.png")
    assert (tmp_path / "timeline.png").stat().st_size > 1000


@pytest.mark.usefixtures("reads_here")
def test_a_full_disk_is_one_sentence(run: Run, knowing: Path, long: Path, tmp_path: Path) -> None:
    with disk(tmp_path / "small", options="size=16k"), pytest.raises(StorageError) as raised:
        run(knowing, long, "--out", tmp_path / "small/out", "--lengths", "1,2,3,4")
    assert told("full: a search in a long video").search(str(raised.value))


@pytest.mark.usefixtures("reads_here")
def test_an_earlier_search_is_replaced(run: Run, knowing: Path, long: Path) -> None:
    assert run(knowing, long, "--out", "out", "--lengths", "2") == 0
    Path("out/annotated.mp4").write_text("of the first", encoding="utf-8")
    assert run(knowing, long, "--out", "out", "--lengths", "3") == 0
    assert json.loads(Path("out/find.json").read_text(encoding="utf-8"))["lengths"] == [3]
    assert not Path("out/annotated.mp4").exists()


def test_two_searches_into_one_folder(knowing: Path, long: Path, run: Run) -> None:
    with (
        locked(Path("out") / commands._WORK, message=None),
        pytest.raises(InputError, match=told("find, two searches into one folder")),
    ):
        run(knowing, long, "--out", "out")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recognizer that other processes can load: its tower is no invention of the tests."""
    root = tmp_path_factory.mktemp("elsewhere")
    videos(root, "support/pouring/a", "support/stirring/c")
    model = model_from_tower("builtin-clip", method="otam")
    Recognizer.enroll(model, root / "support").save(root / "kitchen")
    return root / "kitchen"


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_when_it_is_asked_again(
    elsewhere: Path, tmp_path: Path
) -> None:
    path = video(tmp_path / "long.mp4", seed=7, num_frames=6000)
    command = [sys.executable, "-m", "spm.find", elsewhere, path, "--rate", "6", "--out"]
    options = {"cwd": ROOT, "env": os.environ | {"OMP_NUM_THREADS": "1"}}
    killed = subprocess.Popen([*command, tmp_path / "killed"], **options)
    scores = tmp_path / "killed" / commands._WORK / "scores.npy"
    while not (scores.is_file() and scores.stat().st_size > 20_000):
        assert killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    kept = scores.stat().st_size
    again = subprocess.run([*command, tmp_path / "killed"], **options, capture_output=True)
    assert again.returncode == 0, again.stderr
    assert kept > 0
    whole = subprocess.run([*command, tmp_path / "whole"], **options, capture_output=True)
    assert whole.returncode == 0, whole.stderr
    for name in ("segments.csv", "find.json", "timeline.png"):
        ours, theirs = (tmp_path / each / name for each in ("killed", "whole"))
        assert ours.read_bytes() == theirs.read_bytes()


MEASURE = """
import resource, sys
import torch
from pathlib import Path
import spm
torch.set_num_threads(1)
recognizer = spm.load_recognizer(sys.argv[1])
found = spm.find_segments(recognizer, sys.argv[2], rate=2, lengths=[6, 12])
scores = found.searched.scores
print(len(scores.windows), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(elsewhere: Path, tmp_path: Path) -> None:
    """Ten minutes and an hour, two pictures a second."""
    peaks: dict[int, int] = {}
    for minutes in (10, 60):
        path = slow_video(tmp_path / f"{minutes}.mp4", minutes=minutes)
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(elsewhere), str(path)],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        windows, peaks[minutes] = map(int, done.stdout.split())
        assert windows > 50 * minutes
    assert peaks[60] < peaks[10] + 25


def slow_video(path: Path, *, minutes: int) -> Path:
    """48 by 48 pixels, two frames a second."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=2, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 48, 48, "yuv420p"
        for _ in range(120 * minutes):
            flat = np.full((48, 48, 3), rng.integers(0, 255, size=3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(flat, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_help_says_what_it_takes(run: Run, capsys: Output) -> None:
    assert run("--help") == 0
    assert "--annotate" in capsys.readouterr().out
