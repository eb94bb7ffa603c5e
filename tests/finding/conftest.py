"""A recognizer of two classes of noise, by a small tower and otam, and long videos."""

from pathlib import Path

import pytest

from spm.isolation import isolated_long
from spm.isolation.long_part import LongPart, LongRequest
from spm.isolation.long_reader import LongReader
from spm.recognition.recognizer import Recognizer
from tests import models
from tests.backgrounds import with_background
from tests.recognition.conftest import reads as reads
from tests.recognition.examples import videos


@pytest.fixture(scope="session")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recognizer's folder. It has a threshold that half of all windows reach, about."""
    root = tmp_path_factory.mktemp("kitchen")
    videos(root, "support/pouring/a", "support/pouring/b", "support/stirring/c")
    model = with_background(models.build(method="otam").float(), frames=8)
    recognizer = Recognizer.enroll(model, root / "support")
    assert recognizer.threshold is not None
    recognizer.save(root / "kitchen")
    return root / "kitchen"


@pytest.fixture
def reads_here(monkeypatch: pytest.MonkeyPatch) -> list[LongRequest]:
    """Long videos are read in this process; the requests, one after the other."""
    asked: list[LongRequest] = []

    class Here:
        def __init__(self, limits: object) -> None:
            self._reader = LongReader()

        def ask(self, request: LongRequest) -> LongPart:
            asked.append(request)
            return self._reader.read(request)

        def close(self) -> None: ...

    monkeypatch.setattr(isolated_long, "WatchedProcess", Here)
    return asked
