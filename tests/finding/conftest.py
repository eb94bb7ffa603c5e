"""A recognizer of two classes of noise, by a small tower and otam, and long videos."""

from pathlib import Path
from typing import Any

import pytest

from spm.finding import search
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
        def __init__(self, path: Path, look: Any, *, limits: object) -> None:
            self._path, self._look, self._next, self._reader = path, look, 0, LongReader()

        def _ask(self, count: int, *, skip: bool) -> LongPart:
            request = LongRequest(self._path, *self._look, self._next, count, skip)
            asked.append(request)
            part = self._reader.read(request)
            self._next += part.passed
            return part

        def take(self, count: int) -> LongPart:
            return self._ask(count, skip=False)

        def skip(self, count: int) -> LongPart:
            return self._ask(count, skip=True)

        def __enter__(self) -> "Here":
            return self

        def __exit__(self, *error: object) -> None: ...

    monkeypatch.setattr(search, "IsolatedLong", Here)
    return asked
