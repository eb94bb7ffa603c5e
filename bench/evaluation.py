"""Evaluating on clips that were encoded once, against encoding the clips of every episode.

The peers' way: an episode at a time, all of its clips through the visual tower, OTAM cell by cell.
Both sides are measured on a few episodes and clips, and added up for the whole of a test.
"""

from collections.abc import Callable, Iterator
from unittest.mock import patch

import torch

from bench.models import QUERY, WAY, build, features, pixels
from bench.otam import cell_by_cell
from bench.timing import Line, interleaved
from spm.model import ClipSPM
from spm.prepared import classify_prepared, prepare

EPISODES = 10_000
HMDB51_CLIPS = 1292
MOTION_CLIPS = 288
_SHOT = 1
_BATCH = 10
_LABELS = torch.arange(WAY).repeat_interleave(_SHOT)


def lines() -> Iterator[Line]:
    """Seconds of 10,000 episodes, one thread."""
    yield _line("motion", build(), clips=MOTION_CLIPS)
    yield _line("HMDB51, ViT-B/16", build("ViT-B-16-quickgelu"), clips=HMDB51_CLIPS)


def _line(name: str, model: ClipSPM, *, clips: int) -> Line:
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


def _our_episodes(model: ClipSPM) -> Callable[[], object]:
    """The head of `_BATCH` episodes."""
    pool = features(60, channels=model.channels)
    clips = prepare(model, pool, pool[:, 0])
    support_labels = _LABELS.expand(_BATCH, -1)
    rows = torch.arange(_BATCH * WAY * (_SHOT + QUERY)).remainder(60).reshape(_BATCH, -1)
    support, query = rows[:, : WAY * _SHOT], rows[:, WAY * _SHOT :]
    text = pool[: _BATCH * WAY, 0].reshape(_BATCH, WAY, -1)
    return lambda: classify_prepared(model, clips, support, support_labels, query, text)


def _their_episode(model: ClipSPM) -> Callable[[], object]:
    """The head of one episode, from its features."""
    support = features(WAY * _SHOT, channels=model.channels)
    query = features(WAY * QUERY, channels=model.channels)
    text = support[:WAY, 0]

    def classify() -> None:
        with patch("spm.head.otam.otam", lambda distance, *, lam: cell_by_cell(distance)):
            model.classify(support, _LABELS, query, text)

    return classify
