"""Where the time of a training step goes: `python -m bench.step`.

RN50 and ViT-B/16 at 224 pixels, 5-way, 4 queries a class, T = 8, float32, one thread. The visual
tower is timed on one clip and multiplied by the clips of an episode, for which its time grows
evenly; everything else is timed at its full size. An optimizer step serves `train.accumulate` = 16
episodes. Reading an episode happens in loader processes beside all this.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from bench.episode import Episode, head_step
from bench.models import BACKBONES, FRAMES, QUERY, WAY, build, pixels
from bench.timing import interleaved
from spm.model import ClipSPM

SHOTS = (1, 5)
_ACCUMULATE = 16


def rows() -> Iterator[dict[str, Any]]:
    """Seconds an episode of each part, and the share of all that is not the backbone."""
    for name, backbone in BACKBONES.items():
        model = build(backbone).train()
        for shot in SHOTS:
            yield {"backbone": name, "shot": shot} | _row(model, shot=shot)


def _row(model: ClipSPM, *, shot: int) -> dict[str, float]:
    episode = Episode(way=WAY, shot=shot, query=QUERY, frames=FRAMES)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    seconds = interleaved(
        {
            "forward": _backbone(model, backward=False),
            "both": _backbone(model, backward=True),
            "head": head_step(model, episode),
            "optimizer": optimizer.step,
        },
        rounds=2,
    )
    parts = {
        "backbone, forward": episode.clips * seconds["forward"],
        "backbone, backward": episode.clips * (seconds["both"] - seconds["forward"]),
        "head, loss, their backward": seconds["head"],
        "optimizer": seconds["optimizer"] / _ACCUMULATE,
    }
    total = sum(parts.values())
    outside = parts["head, loss, their backward"] + parts["optimizer"]
    return parts | {"outside the backbone, %": 100 * outside / total}


def _backbone(model: ClipSPM, *, backward: bool) -> Callable[[], None]:
    clip = pixels(1, size=model.image_size)

    def run() -> None:
        encoded = model.encode_video(clip)
        if backward:
            encoded.sum().backward()

    return run


def main() -> None:
    torch.set_num_threads(1)
    for row in rows():
        shown = (f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())
        print(" · ".join(shown), flush=True)


if __name__ == "__main__":
    main()
