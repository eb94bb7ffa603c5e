"""bench.frozen_costs multiplies what it measured by the right numbers of clips and episodes."""

import pytest

from bench import counted, frozen_costs
from bench.frozen_costs import Work, cost_of, work_of


def test_clips_count_for_encoding_and_episodes_for_the_head():
    work = Work(8 * 512 * 4, 2.0, 30.0, 0.5, 7.0)
    cost = cost_of(work, splits={"train": 4280, "val": 1194, "test": 1292}, episodes=20_000)
    assert cost.clips == 6766
    assert cost.views == 6766 + 4 * 4280
    assert cost.view_bytes == pytest.approx(111e6, rel=0.01)
    assert (cost.encoding_seconds, cost.encoding_operations) == (6766 * 2.0, 6766 * 30.0)
    assert (cost.head_seconds, cost.head_operations) == (10_000.0, 140_000.0)


def test_a_clip_is_encoded_forward_alone_and_the_head_is_trained(monkeypatch):
    """An episode has 25 clips, and three passes' operations in the tower."""

    def count(build, episode):
        assert build().config.model.hidden_dim == 64
        return counted.Cost(tower_flops=3 * 25 * 70, head_flops=90, kept_bytes=0)

    monkeypatch.setattr(counted, "cost", count)
    monkeypatch.setattr(frozen_costs, "head_seconds", lambda model: model.channels / 100)
    work = work_of(None, {"hidden_dim": 64}, clip_seconds=3.0)
    assert work == Work(8 * 128 * 4, 3.0, 70.0, 1.28, 90)
