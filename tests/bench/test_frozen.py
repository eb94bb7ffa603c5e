"""bench.frozen trains what it says: all weights against the method's alone."""

import pytest
import torch

from bench.frozen import EPISODE, builtin_lines, optimizer_step
from bench.models import build, pixels


@pytest.mark.parametrize("frozen", [False, True])
def test_a_step_on_stored_features_leaves_the_tower(frozen):
    model = build(frozen=frozen)
    clips = pixels(EPISODE.clips, size=model.image_size)
    before = {name: value.clone() for name, value in model.named_parameters()}
    stored = model.encode_frozen(clips) if frozen else clips
    optimizer_step(model, stored, together=2)()
    moved = {
        name for name, value in model.named_parameters() if not torch.equal(value, before[name])
    }
    assert any(name.startswith("method.") for name in moved)
    assert any(name.startswith("backbone.") for name in moved) != frozen


def test_the_frozen_side_is_ours_and_counts_for_one_episode(monkeypatch):
    monkeypatch.setattr("bench.frozen.optimizer_step", lambda model, clips, *, together: None)
    monkeypatch.setattr("bench.frozen.interleaved", lambda *_, **__: {"tuned": 6.0, "frozen": 2.0})
    alone, two = builtin_lines()
    assert (alone.ours, alone.theirs, alone.ratio) == (1.0, 3.0, 3.0)
    assert "1 together" in alone.what
    assert "2 together" in two.what
