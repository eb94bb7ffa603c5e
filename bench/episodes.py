"""Benchmarks reading training episodes: our store and loader against JPEG files read by PIL."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from bench.timing import Line, interleaved
from spm.episodes.augmentation import AugmentedClips
from spm.episodes.sampler import Episode, EpisodeSampler
from spm.episodes.training_data import TrainingEpisodes, load_episodes
from spm.episodes.transforms import random_crop
from spm.frames.clip_index import INDEX
from spm.frames.shard_writer import write_shard
from spm.frames.shards import Storage
from spm.frames.store import FrameStore
from spm.video.clip import Clip

_CLASSES, _CLIPS_PER_CLASS = 6, 10
_FRAMES, _HEIGHT, _WIDTH, _CROP = 8, 256, 340, 224
_WAY, _SHOT, _QUERY = 5, 5, 4  # 45 clips
_PER_ROUND = 12  # episodes; two of them may be ready when the clock starts
_TARGETS: dict[Storage, float] = {"jpeg": 2.3, "raw": 8.0}


def lines() -> Iterator[Line]:
    """Lines with the seconds of an episode of 45 clips × 8 frames, read ahead by one worker."""
    with tempfile.TemporaryDirectory() as folder:
        clips = _clips()
        theirs = _JpegFolder(_write_folder(Path(folder) / "jpeg_files", clips), _sampler())
        readers: dict[str, Iterator[object]] = {"their": iter(_their_loader(theirs))}
        for storage in _TARGETS:
            ours = _ours(Path(folder) / storage, clips, storage=storage)
            readers[storage] = load_episodes(ours, range(10_000), workers=1)
        seconds = interleaved(
            {name: lambda it=it: _read(it) for name, it in readers.items()}, rounds=5
        )
    for storage, target in _TARGETS.items():
        yield Line(
            f"an episode of 45 clips from the store, {storage}",
            "folder of JPEG files, PIL",
            seconds[storage] / _PER_ROUND,
            seconds["their"] / _PER_ROUND,
            target,
        )


def training_episodes(
    folder: Path, *, shot: int, storage: Storage = "jpeg", crop: int = _CROP
) -> TrainingEpisodes:
    """Training episodes from a frame store that is written to `folder`. crop: a view's side."""
    return _ours(folder, _clips(), storage=storage, shot=shot, crop=crop)


def _ours(
    folder: Path,
    clips: list[np.ndarray],
    *,
    storage: Storage,
    shot: int = _SHOT,
    crop: int = _CROP,
) -> TrainingEpisodes:
    store = _write_store(folder, clips, storage=storage)
    return TrainingEpisodes(AugmentedClips(store, size=crop, flip=False), _sampler(shot), seed=0)


class _JpegFolder(Dataset[np.ndarray]):
    """The reference: a JPEG file for each frame, 4:4:4, quality 95, as public code stores them."""

    def __init__(self, folder: Path, sampler: EpisodeSampler) -> None:
        self.folder, self.sampler = folder, sampler

    def __getitem__(self, index: int) -> np.ndarray:
        episode: Episode = self.sampler.episode(index)
        rng = np.random.default_rng(index)
        clips = [*episode.support, *episode.query]
        return np.stack([random_crop(self._read(int(clip)), _CROP, rng=rng) for clip in clips])

    def _read(self, clip: int) -> np.ndarray:
        files = (self.folder / f"{clip}_{frame}.jpg" for frame in range(_FRAMES))
        return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])


def _their_loader(dataset: _JpegFolder) -> "DataLoader[np.ndarray]":
    return DataLoader(
        dataset,
        sampler=range(10_000),
        batch_size=None,
        num_workers=1,
        multiprocessing_context="spawn",
    )


def _read(episodes: Iterator[object]) -> None:
    for _ in range(_PER_ROUND):
        next(episodes)


def _sampler(shot: int = _SHOT) -> EpisodeSampler:
    numbers = np.arange(_CLASSES * _CLIPS_PER_CLASS).reshape(_CLASSES, -1)
    classes = {f"class{number}": clips for number, clips in enumerate(numbers)}
    return EpisodeSampler(classes, way=_WAY, shot=shot, query=_QUERY, seed=0, split="train")


def _clips() -> list[np.ndarray]:
    return [_clip(number) for number in range(_CLASSES * _CLIPS_PER_CLASS)]


def _clip(number: int) -> np.ndarray:
    """Smooth frames with detail and noise, whose JPEG files have 60 kB as those of real video."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, size=(12, 16, 3), dtype=np.uint8)
    size = (_WIDTH + _FRAMES, _HEIGHT)
    picture = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    noisy = np.clip(picture + rng.normal(scale=6, size=picture.shape), 0, 255).astype(np.uint8)
    return np.stack([noisy[:, shift : shift + _WIDTH] for shift in range(_FRAMES)])


def _write_folder(folder: Path, clips: list[np.ndarray]) -> Path:
    folder.mkdir()
    for clip, frames in enumerate(clips):
        for number, frame in enumerate(frames):
            path = folder / f"{clip}_{number}.jpg"
            Image.fromarray(frame).save(path, quality=95, subsampling=0)
    return folder


def _write_store(folder: Path, clips: list[np.ndarray], *, storage: Storage) -> FrameStore:
    named = [(f"{number:04d}", Clip(frames, "pyav", 30)) for number, frames in enumerate(clips)]
    write_shard(
        folder / "shard.h5", named, frames_per_clip=_FRAMES, storage=storage, jpeg_quality=95
    )
    rows = [
        {"id": name, "class": "c", "class_text": "c", "split": "train", "status": "ok"}
        | {"shard": "shard.h5", "row": row}
        for row, (name, _) in enumerate(named)
    ]
    metadata = {"num_segments": str(_FRAMES), "samples_per_segment": "1"}
    pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(metadata), folder / INDEX)
    return FrameStore(folder)
