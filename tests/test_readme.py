"""The Python of README.md runs as it stands there, with public names."""

import re
from pathlib import Path

import pytest
import torch

import spm
from bench.burnt import write_clip
from spm.model.model import load_model, save_model
from tests import models
from tests.import_closure import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
CODECS = {".mp4": "libx264", ".webm": "libvpx-vp9"}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, and a clip of each name that the example gives."""
    save_model(models.build().float(), tmp_path / "data/model")
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(re.findall(r'"([^"]+\.(?:mp4|webm))"', "".join(BLOCKS))):
        write_clip(Path(name), codec=CODECS[Path(name).suffix], num_frames=16, first=100 * number)
    return tmp_path


def test_there_is_an_example() -> None:
    assert len(BLOCKS) == 1


@pytest.mark.usefixtures("workspace")
def test_the_example_runs_and_classifies() -> None:
    names: dict[str, object] = {}
    exec(compile(BLOCKS[0], "README.md", "exec"), names)
    logits = names["logits"]
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (1, 2)
    assert logits.isfinite().all()


def test_the_example_uses_public_names_alone() -> None:
    used = set(re.findall(r"\bspm\.(\w+)", BLOCKS[0]))
    assert used
    assert used <= set(spm.__all__)
    assert not re.search(r"from spm|import spm\.", BLOCKS[0])


@pytest.mark.parametrize("name", spm.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert callable(getattr(spm, name))


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'spm' has no attribute 'read_clips'"):
        _ = spm.read_clips


@pytest.mark.usefixtures("workspace")
def test_a_clip_and_classes_come_as_the_model_takes_them() -> None:
    write_clip(Path("a.mp4"), num_frames=16)
    model = load_model("data/model").double()
    pixels = spm.read_clip("a.mp4", model=model)
    assert pixels.dtype == torch.uint8
    assert pixels.shape == (model.config.frames.num_segments, 32, 32, 3)
    there = spm.encode_classes(["PouringTea", "waving"], model=model)
    back = spm.encode_classes(["waving", "pouring tea"], model=model)
    assert there.dtype == torch.float64
    torch.testing.assert_close(there, back.flip(0))
