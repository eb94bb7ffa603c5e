"""Benchmarks what classifying an episode takes of every method, as a multiple of CLIP-SPM's time.

C = 512 as of ViT-B/16, T = 8, 5-way, 4 queries a class, one thread, clips that were prepared once,
as in evaluation; taking an episode's clips from all of them is in the time. CPU time, medians of
interleaved rounds. CLIP-SPM has the 8 heads of 256 of its paper, the others their initial values.

python -m bench.head_costs                 every method that takes frame features
python -m bench.head_costs clip_spm dpn
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from bench.gpu_heads import SHOTS, method, on_frames
from bench.models import FRAMES, QUERY, WAY, features
from bench.timing import interleaved
from spm.base import command
from spm.methods.base import EpisodeFeatures, Prepared, prepare

CHANNELS = 512
TARGET = 10.0
"""The most that a method may take, as a multiple."""
_REFERENCE = "clip_spm"
_CLIPS, _EPISODES = 60, 5


def multiples(names: list[str], *, shot: int, rounds: int = 7) -> dict[str, tuple[float, float]]:
    """Name -> CPU milliseconds of an episode, and their multiple of CLIP-SPM's."""
    calls = {name: classify(name, shot=shot) for name in {_REFERENCE, *names}}
    seconds = interleaved(calls, rounds=rounds, clock=time.process_time)
    whole = seconds[_REFERENCE]
    return {name: (1e3 * seconds[name] / _EPISODES, seconds[name] / whole) for name in names}


def classify(name: str, *, shot: int) -> Callable[[], Tensor]:
    """What classifies a batch of episodes of prepared clips."""
    head = method(name, channels=CHANNELS).eval()
    pool, texts = features(_CLIPS, channels=CHANNELS), torch.randn(_CLIPS, CHANNELS)
    with torch.no_grad():
        prepared = prepare(head, pool, texts)
    drawn = torch.stack([torch.randperm(_CLIPS)[: WAY * (shot + QUERY)] for _ in range(_EPISODES)])
    support, query = drawn.split([WAY * shot, WAY * QUERY], dim=1)
    labels = torch.arange(WAY).repeat(shot).expand(_EPISODES, -1)
    class_text = texts[: _EPISODES * WAY].reshape(_EPISODES, WAY, -1)

    def call() -> Tensor:
        episodes = EpisodeFeatures(
            pool[support],
            labels,
            pool[query],
            class_text,
            num_classes=WAY,
            prepared=prepared and Prepared(prepared.support[support], prepared.query[query]),
        )
        with torch.no_grad():
            return head.classify(episodes)

    return call


def main() -> int:
    """Returns the exit status: 0, or 1 if a method misses the target."""
    parser = argparse.ArgumentParser(prog="python -m bench.head_costs")
    parser.add_argument("methods", nargs="*", default="all", choices=[*on_frames(), "all"])
    asked = parser.parse_args().methods
    names = on_frames() if "all" in asked else asked
    torch.set_num_threads(1)
    missed = False
    print(f"T = {FRAMES}, C = {CHANNELS}; multiples of {_REFERENCE}'s CPU time")
    for shot in SHOTS:
        for name, (milliseconds, multiple) in multiples(names, shot=shot).items():
            missed |= multiple > TARGET
            print(f"{name:<22} {shot}-shot {milliseconds:8.2f} ms {multiple:6.2f}×", flush=True)
    return int(missed)


if __name__ == "__main__":
    command.run(main)
