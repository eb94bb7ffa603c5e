"""Each file is read in a process of its own: whatever it does there is one unreadable clip."""

from pathlib import Path

import pytest
import torch

from spm.isolation.watched_process import Limits
from spm.model.model import FewShotModel
from spm.recognition.clips import encode_all, encode_each
from spm.recognition.inputs import read_clip
from tests import models
from tests.import_closure import ROOT
from tests.recognition.examples import video

LIMITS = Limits(seconds=4, memory_mb=1000)


@pytest.fixture(scope="module")
def model() -> FewShotModel:
    return models.build(method="otam").float()


def test_what_a_file_does_to_its_reader_is_one_unreadable_clip(
    model: FewShotModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests/faulty"))
    names = ("good", "segfault", "hang", "fine")
    paths = [video(tmp_path / f"{name}.mp4", seed=1) for name in names]
    found = dict(encode_each(model, paths, limits=LIMITS))
    good, crashed, hung, fine = (found[path] for path in paths)
    assert crashed == "the decoder crashed (SIGSEGV)"
    assert hung == "out of time: not read within 4 s"
    assert not isinstance(good, str)
    assert not isinstance(fine, str)
    assert torch.equal(good.features, fine.features)


def test_features_are_those_of_the_frames_that_a_test_sees(
    model: FewShotModel, tmp_path: Path
) -> None:
    path = video(tmp_path / "a.mp4", seed=1)
    with torch.no_grad():
        expected = model.encode_video(read_clip(path, model=model))
    clip = encode_all(model, [path], what="clips")[path]
    assert torch.equal(clip.features, expected)
    assert clip.seconds == pytest.approx(2)
