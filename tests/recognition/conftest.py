"""Reading clips without the second that a process of its own takes to start."""

from pathlib import Path
from typing import Any

import pytest

from spm.recognition import clips
from spm.video.clip import Clip
from spm.video.reading import read_clip


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths of the clips that are read, one after the other, in this process."""
    noted: list[Path] = []

    class ReaderHere:
        def __init__(self, limits: object) -> None: ...

        def read(self, path: Path, **options: Any) -> Clip:
            noted.append(path)
            return read_clip(path, **options)

        def close(self) -> None: ...

    monkeypatch.setattr(clips, "IsolatedReader", ReaderHere)
    return noted
