"""Trains the small CLIP on frames and captions, and scores it on frames that it never saw.

Shapes: `F` frames, `B` frames of a batch.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from spm.base.in_processes import map_in_processes
from spm.base.progress import progress_bar
from spm.builtin_clip.model.files import NAME
from spm.builtin_clip.scenes import draw_scene

_STORED = 64
"""Side of the stored frames: the `frames.short_side` of the built-in data sets."""
_AT_ONCE = 500
"""Frames of one rendering task."""
_BATCH, _LR, _WEIGHT_DECAY = 256, 2e-3, 0.01
_MAX_LOGIT_SCALE = math.log(100)  # CLIP's own limit
_AMONG = 100
"""Number of captions among which a held-out frame must find its own."""
_HELD_OUT = 1
"""Seed component that makes the held-out frames others than those of training."""


class Scenes(NamedTuple):
    """Frames with their captions."""

    frames: NDArray[np.uint8]
    """[F, 64, 64, 3]"""
    captions: list[str]
    """F of them."""


def render_scenes(number: int, *, seed: int, workers: int, held_out: bool = False) -> Scenes:
    """`number` scenes: a pure function of the number, the seed and `held_out`."""
    tasks = range(-(-number // _AT_ONCE))
    render = partial(_render, seed=seed, held_out=held_out)
    frames, captions = [], list[str]()
    with progress_bar(total=number, unit="frame", desc="frames") as bar:
        for some, words in map_in_processes(render, tasks, processes=workers):
            frames.append(some)
            captions += words
            bar.update(len(words))
    return Scenes(np.concatenate(frames)[:number], captions[:number])


def _render(task: int, *, seed: int, held_out: bool) -> tuple[NDArray[np.uint8], list[str]]:
    rng = np.random.default_rng([seed, task, _HELD_OUT if held_out else 0])
    drawn = [draw_scene(rng) for _ in range(_AT_ONCE)]
    size = (_STORED, _STORED)
    small = [Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR) for frame, _ in drawn]
    return np.stack([np.asarray(each) for each in small]), [caption for _, caption in drawn]


def train_clip(scenes: Scenes, *, steps: int, seed: int) -> nn.Module:
    """A builtin-clip trained on `scenes` by open_clip's loss: one batch a step, drawn at random."""
    from spm.builtin_clip.model.registered import open_clip

    torch.manual_seed(seed)
    model: nn.Module = open_clip.create_model(NAME)
    tokens = _tokenized(scenes.captions)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LR, weight_decay=_WEIGHT_DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LR, total_steps=steps, pct_start=0.1)
    loss_of, rng = open_clip.ClipLoss(), np.random.default_rng(seed)
    model.train()
    with progress_bar(total=steps, unit="step", desc="train") as bar:
        for _ in range(steps):
            rows = rng.integers(len(scenes.frames), size=_BATCH)
            images = _images(
                scenes.frames[rows], corner=rng.integers(_STORED - _side() + 1, size=2)
            )
            loss = loss_of(*model(images, tokens[torch.from_numpy(rows)]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            with torch.no_grad():
                model.logit_scale.clamp_(max=_MAX_LOGIT_SCALE)  # type: ignore[operator]
            bar.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
            bar.update()
    return model.eval()


def retrieval_score(model: nn.Module, scenes: Scenes) -> float:
    """Percent of the frames that find their caption among 100, chance 1. Equal captions are one."""
    tokens, middle = _tokenized(scenes.captions), (_STORED - _side()) // 2
    right = 0
    for start in range(0, len(scenes.frames), _AMONG):
        rows = slice(start, start + _AMONG)
        corner = np.array([middle, middle])
        with torch.no_grad():
            images, texts, _ = model(_images(scenes.frames[rows], corner=corner), tokens[rows])
        captions = scenes.captions[rows]
        found = (images @ texts.T).argmax(dim=-1).tolist()
        right += sum(captions[index] == own for index, own in zip(found, captions, strict=True))
    return 100 * right / len(scenes.frames)


def _tokenized(captions: list[str]) -> Tensor:
    from spm.builtin_clip.model.registered import open_clip

    tokens: Tensor = open_clip.get_tokenizer(NAME)(captions)
    return tokens


def _images(frames: NDArray[np.uint8], *, corner: NDArray[np.int64]) -> Tensor:
    """Crops [B, 56, 56, 3] at `corner` -> images [B, 3, 56, 56] as CLIP's towers take them."""
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    top, left = corner
    crops = torch.from_numpy(frames[:, top : top + _side(), left : left + _side()])
    mean, std = torch.tensor(OPENAI_DATASET_MEAN), torch.tensor(OPENAI_DATASET_STD)
    return ((crops / 255 - mean) / std).permute(0, 3, 1, 2)


def _side() -> int:
    from spm.builtin_clip.model.conv import IMAGE_SIZE

    return IMAGE_SIZE
