"""bench.storage and bench.costs: what is measured is what is printed."""

import numpy as np
import pytest

from bench import costs, storage
from bench.counted import Cost
from spm.video.clip import Clip


def noise(seed: int) -> Clip:
    coarse = np.random.default_rng(seed).integers(0, 256, size=(4, 6, 8, 3), dtype=np.uint8)
    return Clip(coarse.repeat(8, axis=1).repeat(8, axis=2), "pyav", 4)


def test_psnr():
    frames = np.full((2, 4, 4, 3), 100, np.uint8)
    assert storage.psnr(frames, frames) == float("inf")
    assert storage.psnr(frames, frames + 1) == pytest.approx(48.13, abs=0.01)
    assert storage.psnr(frames, frames - 10) == pytest.approx(28.13, abs=0.01)


def test_a_lower_quality_is_smaller_and_loses_more():
    raw, *jpeg = storage.costs([noise(seed) for seed in range(3)])
    assert raw.bytes_per_clip > 4 * 48 * 64 * 3
    assert raw.psnr == float("inf")
    assert [cost.quality for cost in jpeg] == [95, 90, 85]
    sizes, losses = ([getattr(c, name) for c in jpeg] for name in ("bytes_per_clip", "psnr"))
    assert sizes == sorted(sizes, reverse=True)
    assert losses == sorted(losses, reverse=True)
    assert raw.bytes_per_clip > sizes[0]
    assert all(cost.episode_ms > 0 for cost in (raw, *jpeg))


def test_operations_of_training_validation_and_test():
    values = {
        "episode.way": 5,
        "episode.shot": 1,
        "episode.query": 4,
        "train.episodes": 100,
        "train.validate_every": 40,
    }
    episode = Cost(tower_flops=75, head_flops=2, kept_bytes=0)  # 1 a clip forward
    splits = {"train": 1000, "val": 7, "test": 11}
    found = costs.operations_of(values, splits=splits, episode=episode)
    assert found == 100 * 77 + 3 * 7 + 11


@pytest.mark.parametrize("name", ["hmdb51", "kinetics100", "ssv2_full"])
def test_a_benchmark_is_counted_with_its_clips_and_codec(name, monkeypatch):
    files = costs.FILES[name]._replace(num_frames=10)
    monkeypatch.setitem(costs.FILES, name, files)
    episodes = {("RN50", 1): Cost(300, 0, 0), ("RN50", 5): Cost(540, 0, 0)}
    cost = costs.cost_of(name, episodes=episodes)
    width = round(256 * files.width / files.height)
    assert cost.raw_bytes == cost.clips * 8 * 256 * width * 3
    assert cost.decode_seconds > 0
    assert cost.operations["RN50", 5] / cost.operations["RN50", 1] == pytest.approx(1.8, abs=0.05)


@pytest.mark.slow
def test_an_episode_of_a_paper_is_mostly_its_tower():
    """torch counts 6.1 GMAC in open_clip's own encode_image of a frame."""
    episode = costs.episode_of("RN50", 1)
    assert episode.tower_flops / (3 * 25 * 8 * 2) == pytest.approx(6.1e9, rel=0.01)
    assert episode.head_flops < 0.05 * episode.tower_flops
