"""Training episodes as pixels: read from the store, augmented, ready for the device."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from spm.episodes import Episode, EpisodeSampler
from spm.frame_store import FrameStore
from spm.transforms import center_crop, random_crop, random_flip

_PIXELS = 1
"""Keeps the stream of crops apart from the stream of episodes under the same seed."""


@dataclass(frozen=True)
class EpisodePixels:
    """One episode; support clips first, then query clips."""

    pixels: Tensor
    """[S + Q, T, H, W, 3] uint8"""
    support_labels: Tensor
    """[S]"""
    query_labels: Tensor
    """[Q]"""
    classes: Tensor
    """[N]"""


class TrainingEpisodes(Dataset[EpisodePixels]):
    """Episode index -> EpisodePixels, a pure function of the index and the seed."""

    def __init__(
        self, store: FrameStore, sampler: EpisodeSampler, *, size: int, flip: bool, seed: int
    ) -> None:
        self.store, self.sampler = store, sampler
        self.size, self.flip, self.seed = size, flip, seed

    def __getitem__(self, index: int) -> EpisodePixels:
        episode = self.sampler.episode(index)
        rng = np.random.default_rng([self.seed, _PIXELS, index])
        clips = [self._augmented(clip, rng) for clip in (*episode.support, *episode.query)]
        return _as_tensors(episode, np.stack(clips))

    def _augmented(self, clip: int, rng: np.random.Generator) -> np.ndarray:
        samples = self.store.samples_per_segment
        pick = rng.integers(samples, size=self.store.num_frames) if samples > 1 else None
        frames = random_crop(self.store.read(int(clip), pick=pick), self.size, rng=rng)
        return random_flip(frames, rng=rng) if self.flip else frames


def load_episodes(
    dataset: TrainingEpisodes, indices: range, *, workers: int
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


def _as_tensors(episode: Episode, pixels: np.ndarray) -> EpisodePixels:
    return EpisodePixels(
        pixels=torch.from_numpy(np.ascontiguousarray(pixels)),
        support_labels=torch.from_numpy(episode.support_labels),
        query_labels=torch.from_numpy(episode.query_labels),
        classes=torch.from_numpy(episode.classes),
    )
