"""Loads training episodes: random views of clips, as pixels or as stored features.

Leading dimensions `...`: none for one episode; `E` for episodes that share a forward pass.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from spm.base.errors import StorageError
from spm.base.unwritable import free_bytes
from spm.episodes.sampler import Episode, EpisodeSampler
from spm.episodes.transforms import center_crop
from spm.features.store import ClipStore, FeatureStore

_READ_AHEAD = 2
"""Episodes that each loader process may read ahead."""

_SHARED = Path("/dev/shm")
_LABELS_BYTES = 1 << 16
"""Shared memory for the tensors of an episode other than its clips."""

_VIEWS = 1
"""Seed component that makes the random views independent of the random episodes."""


@dataclass(frozen=True)
class EpisodeClips:
    """One episode; support clips first, then query clips."""

    clips: Tensor
    """[..., S + Q, T, H, W, 3] uint8 pixels, or [..., S + Q, T, ...] float32 stored features: what
    `FewShotModel.encode` takes."""
    support_labels: Tensor
    """[..., S]"""
    query_labels: Tensor
    """[..., Q]"""
    classes: Tensor
    """[..., N]"""

    def pin_memory(self) -> "EpisodeClips":
        """A copy in pinned memory. torch's DataLoader calls this if there is a GPU."""
        return EpisodeClips(*(tensor.pin_memory() for tensor in self._tensors()))

    def to(self, device: torch.device) -> "EpisodeClips":
        """A copy on `device`, pixels still uint8. From pinned memory the copy is asynchronous."""
        return EpisodeClips(*(tensor.to(device, non_blocking=True) for tensor in self._tensors()))

    def copied(self) -> "EpisodeClips":
        """The episode with a copy of `clips` in new memory."""
        return replace(self, clips=torch.from_numpy(self.clips.numpy().copy()))

    @classmethod
    def stack(cls, episodes: Iterable["EpisodeClips"]) -> "EpisodeClips":
        """Stacks episodes of the same shape, on the same device, to [E, ...]."""
        tensors = zip(*(episode._tensors() for episode in episodes), strict=True)
        return cls(*map(torch.stack, tensors))

    def _tensors(self) -> tuple[Tensor, ...]:
        return self.clips, self.support_labels, self.query_labels, self.classes


class TrainingClips(Protocol):
    """Random views of training clips."""

    @property
    def dtype(self) -> type[np.generic]:
        """Of a view."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one view of a clip."""

    def draw(self, clip: int, *, rng: np.random.Generator, out: npt.NDArray[Any]) -> None:
        """Writes a view of clip number `clip` to `out`."""


class StoredViews:
    """Draws one of the stored random views; the only one, a test's, where `features.views` is 0."""

    dtype = np.float32

    def __init__(self, store: FeatureStore) -> None:
        self.store = store

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, ...)"""
        return self.store.shape

    def draw(self, clip: int, *, rng: np.random.Generator, out: npt.NDArray[Any]) -> None:
        """Writes a view of clip number `clip` to `out`."""
        views = self.store.views(clip)
        view = 1 + int(rng.integers(views)) if views else 0
        np.copyto(out, self.store.read(clip, view=view))


class TrainingEpisodes(Dataset[EpisodeClips]):
    """Episode index -> EpisodeClips, a pure function of the index and the seed."""

    def __init__(self, clips: TrainingClips, sampler: EpisodeSampler, *, seed: int) -> None:
        self.clips, self.sampler, self.seed = clips, sampler, seed
        count = sampler.way * (sampler.shot + sampler.query)
        self.shape = (count, *clips.shape)
        self.memory: Callable[[], Tensor] = partial(_new, self.shape, clips.dtype)
        """Gives the tensor to which an episode's clips are written."""

    @property
    def num_bytes(self) -> int:
        """Of an episode's clips."""
        return math.prod(self.shape) * np.dtype(self.clips.dtype).itemsize

    def __getitem__(self, index: int) -> EpisodeClips:
        episode = self.sampler.episode(index)
        rng = np.random.default_rng([self.seed, _VIEWS, index])
        drawn = self.memory()
        for clip, out in zip((*episode.support, *episode.query), drawn.numpy(), strict=True):
            self.clips.draw(int(clip), rng=rng, out=out)
        return _as_tensors(episode, drawn)


def load_episodes(
    dataset: TrainingEpisodes, indices: Sequence[int], *, workers: int
) -> Iterator[EpisodeClips]:
    """Yields the episodes `indices`, in order, read ahead by `workers` processes.

    A process reuses a few buffers in shared memory, since mapping new pages takes longer than
    writing the pixels; the yielded episodes are copies. Raises StorageError if the machine has too
    little shared memory.
    """
    _check_shared_memory(dataset.num_bytes, workers=workers)
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


def read_clips(store: ClipStore, clips: np.ndarray, *, size: int) -> Tensor:
    """What a test uses of these clips, as `FewShotModel.encode` takes it.

    Of frames the middle samples, centre crop, [clips, T, size, size, 3] uint8; of stored features
    view 0, [clips, T, ...] float32.
    """
    if isinstance(store, FeatureStore):
        return store.read_clips(clips)
    return torch.from_numpy(np.stack([center_crop(store.read(int(clip)), size) for clip in clips]))


def _check_shared_memory(num_bytes: int, *, workers: int) -> None:
    """Raises StorageError early: with too little memory SIGBUS would kill a loader mid-training."""
    needed = workers * ((_READ_AHEAD + 1) * num_bytes + _LABELS_BYTES)
    if workers and _SHARED.is_dir() and needed > (free := free_bytes(_SHARED)):
        raise StorageError(
            f"runtime.loader_workers = {workers} takes {needed / 1e6:.1f} MB of shared memory, and "
            f"{_SHARED} has {free / 1e6:.1f} MB: set fewer, or 0, or give the container more "
            "(docker run --shm-size=1g)"
        )


def _new(shape: tuple[int, ...], dtype: type[np.generic]) -> Tensor:
    return torch.from_numpy(np.empty(shape, dtype))


def _reuse_memory(_: int) -> None:
    """Gives a loader process its buffers: one for each episode read ahead, one being copied."""
    worker: Any = get_worker_info()
    dataset: TrainingEpisodes = worker.dataset
    pieces = cycle([_shared(dataset.memory()) for _ in range(_READ_AHEAD + 1)])
    dataset.memory = lambda: next(pieces)


def _shared(new: Tensor) -> Tensor:
    shared: Tensor = new.share_memory_()  # type: ignore[no-untyped-call]
    return shared


def _as_tensors(episode: Episode, clips: Tensor) -> EpisodeClips:
    return EpisodeClips(
        clips=clips,
        support_labels=torch.from_numpy(episode.support_labels),
        query_labels=torch.from_numpy(episode.query_labels),
        classes=torch.from_numpy(episode.classes),
    )
