"""Whatever a file does to the process that reads it, the caller gets a clip or a reason."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from bench.burnt import write_clip
from spm.base.errors import DataError, TransientError
from spm.isolation.isolated_reader import IsolatedReader, Readers
from spm.isolation.watched_process import Limits
from spm.video.reading import read_clip
from tests.import_closure import ROOT
from tests.manifests import frames_config

FRAMES = frames_config()
FAULTY = str(ROOT / "tests" / "faulty")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("good") / "good.mp4", num_frames=16)


@pytest.fixture
def reader():
    reader = IsolatedReader(Limits(seconds=20, memory_mb=1000))
    yield reader
    reader.close()


@pytest.fixture
def faulty(monkeypatch):
    """PyAV led astray; few seconds, little memory."""
    monkeypatch.setenv("PYTHONPATH", FAULTY)
    reader = IsolatedReader(Limits(seconds=4, memory_mb=300))
    yield reader
    reader.close()


def worker_of(reader):
    """Its process, by the only way in from outside."""
    return psutil.Process(reader._process._process._process.pid)


def assert_reads(reader, path):
    expected = read_clip(path, frames=FRAMES)
    clip = reader.read(path, frames=FRAMES)
    assert (clip.frames == expected.frames).all()
    assert clip.video_frames == 16


def test_a_clip_is_the_same_as_without_isolation_and_one_process_reads_them_all(reader, good):
    assert_reads(reader, good)
    first = worker_of(reader)
    assert_reads(reader, good)
    assert worker_of(reader) == first
    assert reader.read(good, frames=FRAMES).reader == "pyav-seek"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("segfault", "the decoder crashed (SIGSEGV)"),
        ("abort", "the decoder crashed (SIGABRT)"),
        ("exit", "the decoder ended its process"),
        ("bug", "the reader failed: KeyError: 'of a library'"),
    ],
)
def test_what_a_file_does_is_its_own_fault(tmp_path, faulty, good, fault, reason):
    with pytest.raises(DataError) as error:
        faulty.read(write_clip(tmp_path / f"{fault}.mp4"), frames=FRAMES)
    assert str(error.value) == reason
    assert not isinstance(error.value, TransientError)
    assert_reads(faulty, good)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("hang", "out of time: not read within 4 s"),
        ("grow", "out of memory: takes more than 300 MB"),
        ("nomemory", "out of memory: the decoder got no more"),
        ("killed", "out of memory: the machine had no more"),
        ("ended", "interrupted: its process was ended (SIGTERM)"),
    ],
)
def test_what_the_machine_may_have_done_is_transient(tmp_path, faulty, good, fault, reason):
    with pytest.raises(TransientError) as error:
        faulty.read(write_clip(tmp_path / f"{fault}.mp4"), frames=FRAMES)
    assert str(error.value) == reason
    assert_reads(faulty, good)


def test_a_process_that_lost_its_connection_is_ended(tmp_path, faulty, good, monkeypatch):
    monkeypatch.setattr("spm.isolation.decode_process._END_SECONDS", 1)
    assert_reads(faulty, good)
    lost = worker_of(faulty)
    with pytest.raises(DataError, match="the decoder ended its process"):
        faulty.read(write_clip(tmp_path / "letgo.mp4"), frames=FRAMES)
    assert not lost.is_running()
    assert_reads(faulty, good)


def test_a_crash_counts_if_it_happens_again(tmp_path, faulty):
    """The file before may have damaged the process."""
    path = write_clip(tmp_path / "a/crashonce.mp4", num_frames=16)
    assert_reads(faulty, path)


@pytest.mark.slow
def test_a_picture_too_large_for_the_memory_is_transient_too(tmp_path):
    """A real file, in a real decoder: 10 kB that become 100 MB a frame."""
    path = write_clip(tmp_path / "large.mp4", num_frames=3, size=(5120, 4096))
    reader = IsolatedReader(Limits(seconds=60, memory_mb=256))
    with pytest.raises(TransientError, match="out of memory: takes more than 256 MB"):
        reader.read(path, frames=FRAMES)
    reader.close()


def test_errors_of_file_and_machine_come_through(reader, good, tmp_path):
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    with pytest.raises(DataError, match="unreadable: Invalid data"):
        reader.read(tmp_path / "text.mp4", frames=FRAMES)
    with pytest.raises(FileNotFoundError):
        reader.read(tmp_path / "missing.mp4", frames=FRAMES)
    assert_reads(reader, good)


def test_a_worker_that_cannot_start_says_why(monkeypatch, tmp_path, good):
    (tmp_path / "av.py").write_text("raise ImportError('libavcodec.so: no such file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"did not start: (?s:.*)libavcodec\.so: no such file"):
        IsolatedReader(Limits(seconds=2, memory_mb=300)).read(good, frames=FRAMES)


def test_one_reader_for_each_thread_that_asks(good):
    with Readers(Limits(seconds=20, memory_mb=1000)) as readers:
        with readers.borrow() as one, readers.borrow() as two:
            assert one is not two
            assert_reads(one, good)
        with readers.borrow() as again:
            assert again in (one, two)
        process = worker_of(one)
    assert not process.is_running()


PARENT = """
import sys, time
from pathlib import Path
from spm.isolation.isolated_reader import IsolatedReader
from spm.isolation.watched_process import Limits
from tests.manifests import frames_config
reader = IsolatedReader(Limits(seconds=2, memory_mb=1000))
reader.read(Path(sys.argv[1]), frames=frames_config())
print(reader._process._process._process.pid, flush=True)
if sys.argv[2] == "wait":
    time.sleep(600)
reader.read(Path(sys.argv[3]), frames=frames_config())
"""


@pytest.mark.parametrize("doing", ["wait", "hang"])
def test_a_worker_ends_with_a_parent_that_is_killed(tmp_path, good, doing):
    """At once where it waits for a clip, and after a while where it hangs."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, good, doing, write_clip(tmp_path / "hang.mp4")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": FAULTY},
        stdout=subprocess.PIPE,
    )
    worker = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.5)
    assert worker.is_running()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    worker.wait(10)


def test_the_worker_imports_no_more_than_reading_needs():
    heavy = ["torch", "prefect", "mlflow", "h5py", "pyarrow", "open_clip", "dask"]
    worker = "spm.isolation.decode_worker"
    code = f"import sys, {worker}; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "[]\n"
