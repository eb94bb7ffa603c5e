"""Training episodes as pixels: read from the store, augmented, ready for the device.

Leading dimensions `...`: none as loaded, `E` for episodes that go through the model together.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from spm.clip import Frames
from spm.episodes import Episode, EpisodeSampler
from spm.frame_store import FrameStore
from spm.transforms import center_crop, random_crop, random_flip

_PIXELS = 1
"""Keeps the stream of crops apart from the stream of episodes under the same seed."""


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
        """What the loader calls where there is a GPU."""
        return EpisodePixels(*(tensor.pin_memory() for tensor in self._tensors()))

    def to(self, device: torch.device) -> "EpisodePixels":
        """On the device, uint8 as it is. Nothing waits for a copy from pinned memory."""
        return EpisodePixels(*(tensor.to(device, non_blocking=True) for tensor in self._tensors()))

    @classmethod
    def stack(cls, episodes: Iterable["EpisodePixels"]) -> "EpisodePixels":
        """Episodes of one shape, on one device, [E, ...]."""
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
        self._buffer: Frames = np.empty(0, np.uint8)

    def __getitem__(self, index: int) -> EpisodePixels:
        episode = self.sampler.episode(index)
        rng = np.random.default_rng([self.seed, _PIXELS, index])
        clips = (*episode.support, *episode.query)
        shape = (len(clips), self.store.num_frames, self.size, self.size, 3)
        pixels = _empty(shape)
        for clip, out in zip(clips, pixels.numpy(), strict=True):
            np.copyto(out, self._augmented(int(clip), rng))
        return _as_tensors(episode, pixels)

    def _augmented(self, clip: int, rng: np.random.Generator) -> Frames:
        samples = self.store.samples_per_segment
        pick = rng.integers(samples, size=self.store.num_frames) if samples > 1 else None
        frames = self.store.read(clip, pick=pick, scratch=self._scratch)
        frames = random_crop(frames, self.size, rng=rng)
        return random_flip(frames, rng=rng) if self.flip else frames

    def _scratch(self, shape: tuple[int, ...]) -> Frames:
        """The same memory for one clip after the other: new memory has a price at first touch."""
        if self._buffer.shape != shape:
            self._buffer = np.empty(shape, np.uint8)
        return self._buffer


def load_episodes(
    dataset: TrainingEpisodes, indices: Sequence[int], *, workers: int
) -> DataLoader[EpisodePixels]:
    """The episodes `indices`, in order, read ahead by `workers` processes."""
    return DataLoader(
        dataset,
        sampler=indices,
        batch_size=None,
        num_workers=workers,
        # A fork would copy the locks of whatever threads the parent has, and CUDA forbids it.
        multiprocessing_context="spawn" if workers else None,
        pin_memory=torch.cuda.is_available(),
    )


def read_clips(store: FrameStore, clips: np.ndarray, *, size: int) -> Tensor:
    """Clips as at test: the middle sample of each segment, centre crop, [clips, T, H, W, 3]."""
    return torch.from_numpy(np.stack([center_crop(store.read(int(clip)), size) for clip in clips]))


def _empty(shape: tuple[int, ...]) -> Tensor:
    """Uint8; in a loader's process in shared memory, so that it is handed over and not copied."""
    if get_worker_info() is None:
        return torch.empty(shape, dtype=torch.uint8)
    storage = torch.UntypedStorage._new_shared(  # type: ignore[no-untyped-call]
        math.prod(shape), device="cpu"
    )
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(shape)


def _as_tensors(episode: Episode, pixels: Tensor) -> EpisodePixels:
    return EpisodePixels(
        pixels=pixels,
        support_labels=torch.from_numpy(episode.support_labels),
        query_labels=torch.from_numpy(episode.query_labels),
        classes=torch.from_numpy(episode.classes),
    )
