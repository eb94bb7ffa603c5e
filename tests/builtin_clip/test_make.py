"""Making the small CLIP's weights, on few frames; and what the package's weights can do."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.builtin_clip import make, training
from spm.builtin_clip.model.files import RECORD, WEIGHTS
from spm.builtin_clip.training import Scenes, render_scenes, retrieval_score, train_clip
from tests.import_closure import ROOT


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return render_scenes(300, seed=0, workers=1)


@pytest.mark.slow
def test_scenes_depend_on_number_and_seed_alone(scenes: Scenes) -> None:
    again = render_scenes(300, seed=0, workers=2)
    assert np.array_equal(scenes.frames, again.frames)
    assert scenes.captions == again.captions
    assert scenes.frames.shape == (300, 64, 64, 3)
    for other in (
        render_scenes(300, seed=1, workers=1),
        render_scenes(300, seed=0, workers=1, held_out=True),
    ):
        assert other.captions != scenes.captions
        assert not np.array_equal(other.frames, scenes.frames)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_BATCH", 16)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.slow
def test_one_seed_gives_the_same_weights(scenes: Scenes) -> None:
    first, again, other = (train_clip(scenes, steps=20, seed=s).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_score_counts_frames_that_find_their_caption() -> None:
    """A model that knows each frame's caption scores 100; one that answers at random, 1 in 100."""

    class Knows(torch.nn.Module):
        def forward(self, images: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
            own = torch.eye(len(images)) if self.right else torch.randn(len(images), 64)
            return own, torch.eye(len(images)) if self.right else torch.randn(len(images), 64), own

    frames = np.zeros((400, 64, 64, 3), np.uint8)
    captions = [f"a caption, number {number}" for number in range(400)]
    model = Knows()
    model.right = True
    assert retrieval_score(model, Scenes(frames, captions)) == 100
    model.right = False
    torch.manual_seed(0)
    assert retrieval_score(model, Scenes(frames, captions)) < 5
    assert retrieval_score(model, Scenes(frames, ["one"] * 400)) == 100


@pytest.mark.slow
def test_training_learns_to_find_captions(scenes: Scenes) -> None:
    held_out = render_scenes(500, seed=0, workers=2, held_out=True)
    model = train_clip(render_scenes(4000, seed=0, workers=2), steps=100, seed=0)
    assert retrieval_score(model, held_out) > 5


def test_the_weights_of_the_package_have_the_score_of_their_record() -> None:
    assert WEIGHTS.stat().st_size <= 8_000_000
    held_out = render_scenes(1000, seed=0, workers=2, held_out=True)
    stated = read_yaml(RECORD)[make.SCORE]
    assert retrieval_score(make._load(WEIGHTS), held_out) == pytest.approx(stated, abs=4)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of the smallest making, with small batches and few held-out frames."""
    monkeypatch.setattr(training, "_BATCH", 8)
    monkeypatch.setattr(make, "_HELD_OUT", 200)
    return ["make", "--frames", "256", "--steps", "100", "--workers", "1"]


@pytest.mark.slow
def test_it_writes_weights_and_record_and_says_the_score(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    out = tmp_path / "new" / "w.safetensors"
    monkeypatch.setattr(sys, "argv", [*small, "--out", str(out), "--seed", "3"])
    assert make.main() == 0
    said = capsys.readouterr().out
    record = read_yaml(out.with_suffix(".yaml"))
    assert (record["seed"], record["frames"], record["steps"]) == (3, 256, 100)
    assert f"{record[make.SCORE]:.1f} % of 200 held-out frames" in said
    assert {value.dtype for value in load_file(out).values()} == {torch.float16, torch.int64}
    held_out = render_scenes(200, seed=3, workers=1, held_out=True)
    assert retrieval_score(make._load(out), held_out) == pytest.approx(record[make.SCORE], abs=0.06)
    assert sorted(path.name for path in out.parent.iterdir()) == ["w.safetensors", "w.yaml"]


@pytest.mark.parametrize("name", ["w", "w.pt", "w.yaml"])
def test_a_name_that_open_clip_cannot_read_is_refused_first(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "render_scenes", None)
    monkeypatch.setattr(sys, "argv", ["make", "--out", str(tmp_path / name)])
    with pytest.raises(ConfigError, match=r"a name in \.safetensors alone"):
        make.main()


@pytest.mark.parametrize(
    ("option", "value"), [("--steps", "5"), ("--frames", "0"), ("--seed", "-1")]
)
def test_a_wrong_value_is_refused_before_a_frame_is_rendered(option: str, value: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "spm.builtin_clip.make", option, value],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert ran.returncode == 2
    assert option in ran.stderr
