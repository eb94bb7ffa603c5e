"""Loads training episodes as pixels: reads clips from the frame store and augments them.

Leading dimensions `...`: none for one episode; `E` for episodes that share a forward pass.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from spm.base.arrays import Frames
from spm.base.errors import StorageError
from spm.base.unwritable import free_bytes
from spm.episodes.sampler import Episode, EpisodeSampler
from spm.episodes.transforms import center_crop, random_crop, random_flip
from spm.frames.shards import new_array
from spm.frames.store import FrameStore

_READ_AHEAD = 2
"""Episodes that each loader process may read ahead."""

_SHARED = Path("/dev/shm")
_LABELS_BYTES = 1 << 16
"""Shared memory for the tensors of an episode other than pixels."""

_PIXELS = 1
"""Seed component that makes the random crops independent of the random episodes."""


@dataclass(frozen=True)
class EpisodePixels:
    """One episode; support clips first, then query clips."""

    pixels: Tensor
    """[..., S + Q, T, H, W, 3] uint8"""
    support_labels: Tensor
    """[..., S]"""
    query_labels: Tensor
    """[..., Q]"""
    classes: Tensor
    """[..., N]"""

    def pin_memory(self) -> "EpisodePixels":
        """A copy in pinned memory. torch's DataLoader calls this if there is a GPU."""
        return EpisodePixels(*(tensor.pin_memory() for tensor in self._tensors()))

    def to(self, device: torch.device) -> "EpisodePixels":
        """A copy on `device`, pixels still uint8. From pinned memory the copy is asynchronous."""
        return EpisodePixels(*(tensor.to(device, non_blocking=True) for tensor in self._tensors()))

    def copied(self) -> "EpisodePixels":
        """The episode with a copy of `pixels` in new memory."""
        return replace(self, pixels=torch.from_numpy(self.pixels.numpy().copy()))

    @classmethod
    def stack(cls, episodes: Iterable["EpisodePixels"]) -> "EpisodePixels":
        """Stacks episodes of the same shape, on the same device, to [E, ...]."""
        tensors = zip(*(episode._tensors() for episode in episodes), strict=True)
        return cls(*map(torch.stack, tensors))

    def _tensors(self) -> tuple[Tensor, ...]:
        return self.pixels, self.support_labels, self.query_labels, self.classes


class TrainingEpisodes(Dataset[EpisodePixels]):
    """Episode index -> EpisodePixels, a pure function of the index and the seed."""

    def __init__(
        self, store: FrameStore, sampler: EpisodeSampler, *, size: int, flip: bool, seed: int
    ) -> None:
        self.store, self.sampler = store, sampler
        self.size, self.flip, self.seed = size, flip, seed
        clips = sampler.way * (sampler.shot + sampler.query)
        self.shape = (clips, store.num_frames, size, size, 3)
        self.memory = _new
        """Shape -> the tensor to which an episode's pixels are written."""
        self._buffer: Frames = np.empty(0, np.uint8)

    def __getitem__(self, index: int) -> EpisodePixels:
        episode = self.sampler.episode(index)
        rng = np.random.default_rng([self.seed, _PIXELS, index])
        pixels = self.memory(self.shape)
        for clip, out in zip((*episode.support, *episode.query), pixels.numpy(), strict=True):
            np.copyto(out, self._augmented(int(clip), rng))
        return _as_tensors(episode, pixels)

    def _augmented(self, clip: int, rng: np.random.Generator) -> Frames:
        samples = self.store.samples_per_segment
        pick = rng.integers(samples, size=self.store.num_frames) if samples > 1 else None
        frames = self.store.read(clip, pick=pick, scratch=self._scratch)
        frames = random_crop(frames, self.size, rng=rng)
        return random_flip(frames, rng=rng) if self.flip else frames

    def _scratch(self, shape: tuple[int, ...]) -> Frames:
        """A buffer that all clips reuse, since the first touch of new memory is slow."""
        if self._buffer.shape != shape:
            self._buffer = np.empty(shape, np.uint8)
        return self._buffer


def load_episodes(
    dataset: TrainingEpisodes, indices: Sequence[int], *, workers: int
) -> Iterator[EpisodePixels]:
    """Yields the episodes `indices`, in order, read ahead by `workers` processes.

    A process reuses a few buffers in shared memory, since mapping new pages takes longer than
    writing the pixels; the yielded episodes are copies. Raises StorageError if the machine has too
    little shared memory.
    """
    _check_shared_memory(dataset.shape, workers=workers)
    pinned = torch.cuda.is_available()
    loader = DataLoader(
        dataset,
        sampler=indices,
        batch_size=None,
        num_workers=workers,
        # A fork would copy locks that the parent's threads hold, and CUDA forbids a fork.
        multiprocessing_context="spawn" if workers else None,
        prefetch_factor=_READ_AHEAD if workers else None,
        worker_init_fn=_reuse_memory,
        pin_memory=pinned,  # pinning copies as well
    )
    return (episode.copied() if workers and not pinned else episode for episode in loader)


def read_clips(store: FrameStore, clips: np.ndarray, *, size: int) -> Tensor:
    """The pixels that a test uses: middle samples, centre crop, [clips, T, size, size, 3] uint8."""
    return torch.from_numpy(np.stack([center_crop(store.read(int(clip)), size) for clip in clips]))


def _check_shared_memory(shape: tuple[int, ...], *, workers: int) -> None:
    """Raises StorageError early: with too little memory SIGBUS would kill a loader mid-training."""
    needed = workers * ((_READ_AHEAD + 1) * math.prod(shape) + _LABELS_BYTES)
    if workers and _SHARED.is_dir() and needed > (free := free_bytes(_SHARED)):
        raise StorageError(
            f"runtime.loader_workers = {workers} takes {needed / 1e6:.1f} MB of shared memory, and "
            f"{_SHARED} has {free / 1e6:.1f} MB: set fewer, or 0, or give the container more "
            "(docker run --shm-size=1g)"
        )


def _new(shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(new_array(shape))


def _reuse_memory(_: int) -> None:
    """Gives a loader process its buffers: one for each episode read ahead, one being copied."""
    worker: Any = get_worker_info()
    dataset: TrainingEpisodes = worker.dataset
    pieces = cycle([_shared(dataset.shape) for _ in range(_READ_AHEAD + 1)])
    dataset.memory = lambda shape: next(pieces)


def _shared(shape: tuple[int, ...]) -> Tensor:
    shared: Tensor = _new(shape).share_memory_()  # type: ignore[no-untyped-call]
    return shared


def _as_tensors(episode: Episode, pixels: Tensor) -> EpisodePixels:
    return EpisodePixels(
        pixels=pixels,
        support_labels=torch.from_numpy(episode.support_labels),
        query_labels=torch.from_numpy(episode.query_labels),
        classes=torch.from_numpy(episode.classes),
    )
