"""bench.head_costs classifies the same episodes as evaluation does, by every method."""

import pytest
import torch

from bench import head_costs
from bench.gpu_heads import on_frames


def test_costs_are_multiples_of_clip_spms():
    costs = head_costs.multiples(["clip_spm", "protonet"], shot=1, rounds=1)
    assert set(costs) == {"clip_spm", "protonet"}
    assert costs["clip_spm"][1] == 1
    milliseconds, multiple = costs["protonet"]
    assert 0 < milliseconds < costs["clip_spm"][0]
    assert multiple < head_costs.TARGET


@pytest.mark.slow
def test_every_method_on_frame_features_can_be_asked():
    for name in on_frames():
        logits = head_costs.classify(name, shot=1)()
        assert logits.shape == (5, 20, 5), name
        assert torch.isfinite(logits).all(), name
