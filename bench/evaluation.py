"""Benchmarks evaluation: encoding each clip once, against encoding the clips of every episode.

The reference, as public code does it, runs one episode at a time: all its clips through the visual
tower, then OTAM cell by cell. Both are measured on a few episodes and clips, and extrapolated to a
whole test.

python -m bench.evaluation    episodes a second, and their share of this machine's GEMM rate
"""

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.models import BACKBONES, QUERY, WAY, build, features, pixels
from bench.otam import cell_by_cell
from bench.timing import Line, in_words, interleaved
from spm.base import command
from spm.methods.base import EpisodeFeatures, Prepared, prepare
from spm.model.model import FewShotModel

EPISODES = 10_000
HMDB51_CLIPS = 1292
MOTION_CLIPS = 288
_SHOT = 1
_BATCH = 10
_LABELS = torch.arange(WAY).repeat_interleave(_SHOT)


def lines() -> Iterator[Line]:
    """Lines with the seconds of 10,000 episodes, one thread."""
    yield _line("motion", build(), clips=MOTION_CLIPS)
    yield _line("HMDB51, ViT-B/16", build("ViT-B-16-quickgelu"), clips=HMDB51_CLIPS)


def rates() -> Iterator[dict[str, Any]]:
    """Rows with the head's operations a second, and their share of one thread's GEMM rate."""
    square = torch.randn(2048, 2048)
    for name in (None, *BACKBONES.values()):
        model = build(name)
        head = _our_episodes(model)
        with torch.no_grad():
            with FlopCounterMode(display=False) as counted:
                head()
            variants = {"head": head, "GEMM": lambda: square @ square}
            seconds = interleaved(variants, rounds=5)
        operations = counted.get_total_flops()
        gemm_rate = 2 * len(square) ** 3 / seconds["GEMM"]
        yield {
            "head of": name or "params.yaml",
            "C": model.channels,
            "GFLOP an episode": operations / _BATCH / 1e9,
            "episodes a second": _BATCH / seconds["head"],
            "% of GEMM": 100 * operations / seconds["head"] / gemm_rate,
        }


def _line(name: str, model: FewShotModel, *, clips: int) -> Line:
    one_clip = pixels(1, size=model.image_size)
    with torch.no_grad():
        seconds = interleaved(
            {
                "clip": lambda: model.encode_video(one_clip),
                "batch": _our_episodes(model),
                "episode": _their_episode(model),
            },
            rounds=3,
        )
    in_episode = WAY * (_SHOT + QUERY)
    return Line(
        f"{EPISODES:,} episodes of {name}, {clips:,} clips, 1-shot",
        "every episode's clips encoded, OTAM cell by cell",
        clips * seconds["clip"] + EPISODES * seconds["batch"] / _BATCH,
        EPISODES * (in_episode * seconds["clip"] + seconds["episode"]),
        100.0,
    )


def _our_episodes(model: FewShotModel) -> Callable[[], object]:
    """A function to time: the head of `_BATCH` episodes."""
    pool = features(60, channels=model.channels)
    tables = prepare(model.method, pool, pool[:, 0])
    assert tables is not None
    labels = _LABELS.expand(_BATCH, -1)
    rows = torch.arange(_BATCH * WAY * (_SHOT + QUERY)).remainder(60).reshape(_BATCH, -1)
    support, query = rows[:, : WAY * _SHOT], rows[:, WAY * _SHOT :]
    text = pool[: _BATCH * WAY, 0].reshape(_BATCH, WAY, -1)

    def classify() -> object:
        prepared = Prepared(tables.support[support], tables.query[query])
        episodes = EpisodeFeatures(
            pool[support], labels, pool[query], text, num_classes=WAY, prepared=prepared
        )
        return model.method.classify(episodes)

    return classify


def _their_episode(model: FewShotModel) -> Callable[[], object]:
    """A function to time: the reference's head of one episode, from its features."""
    support = features(WAY * _SHOT, channels=model.channels)
    query = features(WAY * QUERY, channels=model.channels)
    text = support[:WAY, 0]

    def classify() -> None:
        with patch("spm.nn.otam.otam", lambda distance, *, lam: cell_by_cell(distance)):
            model.classify(support, _LABELS, query, text)

    return classify


def main() -> None:
    torch.set_num_threads(1)
    for row in rates():
        print(in_words(row), flush=True)


if __name__ == "__main__":
    command.run(main)
