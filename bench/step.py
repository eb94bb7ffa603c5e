"""Measures the parts of a training step: `python -m bench.step`.

RN50 and ViT-B/16 at 224 pixels, 5-way, 4 queries a class, T = 8, float32, one thread. The time of
the visual tower is measured on one clip and multiplied by the clips of an episode; all other parts
are measured at full size. The time of an optimizer step is divided by `train.accumulate` = 16
episodes. A loader process reads the next episode (JPEG) in parallel to all other parts.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from bench.episode import Episode, head_steps
from bench.episodes import training_episodes
from bench.models import BACKBONES, FRAMES, QUERY, WAY, build, pixels
from bench.timing import in_words, interleaved
from spm.base import command
from spm.model.model import FewShotModel

SHOTS = (1, 5)
_ACCUMULATE = 16


def rows() -> Iterator[dict[str, Any]]:
    """Rows: seconds an episode of each part, and the share of all parts but the backbone."""
    for name, backbone in BACKBONES.items():
        model = build(backbone).train()
        for shot in SHOTS:
            yield {"backbone": name, "shot": shot} | _row(model, shot=shot)


def _row(model: FewShotModel, *, shot: int) -> dict[str, float]:
    episode = Episode(way=WAY, shot=shot, query=QUERY, frames=FRAMES)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    with tempfile.TemporaryDirectory() as folder:
        read = training_episodes(Path(folder), shot=shot)
        seconds = interleaved(
            {
                "read": lambda: read[0],
                "backbone": _backbone(model),
                **head_steps(model, episode),
                "optimizer": optimizer.step,
            },
            rounds=3,
        )
    backbone = episode.clips * seconds["backbone"]
    rest = {
        "head": seconds["logits"],
        "losses": seconds["losses"] - seconds["logits"],
        "head and losses, backward": seconds["backward"] - seconds["losses"],
        "optimizer": seconds["optimizer"] / _ACCUMULATE,
    }
    outside = sum(rest.values())
    return {
        "forward and backward": backbone,
        **rest,
        "outside the backbone, %": 100 * outside / (backbone + outside),
        "reading, beside it": seconds["read"],
    }


def _backbone(model: FewShotModel) -> Callable[[], None]:
    clip = pixels(1, size=model.image_size)
    return lambda: model.encode_video(clip).sum().backward()


def main() -> None:
    torch.set_num_threads(1)
    for row in rows():
        print(in_words(row), flush=True)


if __name__ == "__main__":
    command.run(main)
