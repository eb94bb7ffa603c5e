"""Removes unneeded files from the state folder, for `clip-spm gc` (stages.commands.gc)."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.decoding.shard_plan import plan_shards, recipe_hash
from pipeline.encoding.feature_plan import plan_features
from pipeline.machine.git_and_dvc import cache_folder
from pipeline.machine.places import check_project
from pipeline.shards.unfinished import Note, notes
from spm.base.errors import InputError
from spm.base.hashing import file_hash
from spm.base.lock import discard, locked
from spm.base.made_files import made_by
from spm.config.backbone import BackboneConfig
from spm.config.features import FeaturesConfig
from spm.config.frames import FramesConfig
from spm.config.train import Augmentation
from spm.frames.clip_index import INDEX, ClipIndex
from spm.training.checkpoint import Checkpoint, hold
from stages.shared import params, paths
from stages.shared.sweep import Sweep
from stages.shared.tables import read_table
from stages.train import SECTIONS, as_values

_FRESH_SECONDS = 3600
_REMEMBERED_SECONDS = 30 * 24 * 3600
_LINKED = (
    "that {folder} does not name are in DVC's cache, or in another clone: removing them would "
    "free nothing before `dvc gc` there"
)
_RESUMED = (
    "DVC has no model of it; dvc repro goes on with it if code, packages and data are still the "
    "same; if they are not, delete this folder"
)
_ABANDONED = (
    "DVC has no model of it, but its parameters are others than now: --abandoned removes it"
)
_GOES_ON = "{work} that has not ended: dvc repro goes on with it"
_OTHERS = (
    "{work} that has not ended, of other clips or parameters than now: --abandoned removes "
    "those that nothing else needs"
)
_RUNNING = (
    "a grid, or another gc, runs in process {process}, and needs shards and checkpoints that no "
    "result here names: wait for it or end it, then make gc"
)


def collect(*, dry_run: bool, abandoned: bool) -> None:
    """Removes unneeded files; prints what it removed and kept. Raises InputError if a grid runs."""
    check_project(Path.cwd())
    state, sweep = paths.state_dir(), Sweep(dry=dry_run)
    with locked(state / "experiments", message=_RUNNING):
        kept = []
        for store in (_frames_store(state), _features_store(state)):
            kept += _shards(store, sweep=sweep, abandoned=abandoned)
        _leftovers(state, sweep=sweep)
        kept += _checkpoints(state / "checkpoints", sweep=sweep, abandoned=abandoned)
        discard(state / "experiments")
    print("\n".join(f"gc: {line}" for line in [*kept, *sweep.report(state)]))


def _leftovers(state: Path, *, sweep: Sweep) -> None:
    """Removes files of killed processes and the copies of ended grids. A stage may be running."""
    for place in ("shards", "features", "checkpoints", "inventory"):
        for path in (state / place).rglob(".*.tmp"):
            if not _is_fresh(path):
                sweep.take(path, kind="temporary file")
    for path in (state / "inventory").glob("*.parquet"):
        if not _is_fresh(path, seconds=_REMEMBERED_SECONDS):
            sweep.take(path, kind="inventory of a month ago")
    experiments = state / "experiments"
    for path in (*experiments.glob("copies"), *(experiments / "points").glob(".*")):
        sweep.take_folder(path, kind="file of a grid's copies")


@dataclass(frozen=True)
class _Store:
    """A store of shards, and what this project needs of it."""

    folder: Path
    out: Path
    """The out of the stage that fills the store."""
    work: str
    """What the stage does, in words: a decoding."""
    abandoned: str
    """Such work that nobody goes on with: an abandoned decoding."""
    planned: set[str]
    """The shards that `dvc repro` would look for; empty if that cannot be told."""
    recipe: str | None
    """Of unfinished work that goes on where `planned` is empty."""

    def named(self) -> set[str]:
        """The shards that the out names."""
        index = self.out / INDEX
        if not index.is_file():
            return set()
        with made_by(self.out.name, index):  # the folders are named after their stages
            return set(pq.read_table(index, columns=["shard"])["shard"].to_pylist())


def _frames_store(state: Path) -> _Store:
    """Raises InputError without data/frames."""
    if not (paths.FRAMES / INDEX).is_file():
        raise InputError(
            f"{paths.FRAMES / INDEX} is missing, so no shard can be told from another: dvc repro"
        )
    (frames,) = params.load(frames=FramesConfig)
    planned = set()
    if paths.MANIFEST.is_file():
        shards = plan_shards(read_table(paths.MANIFEST), frames=frames)
        planned = {shard.name for shard in shards}
    return _Store(
        state / "shards",
        paths.FRAMES,
        work="a decoding",
        abandoned="an abandoned decoding",
        planned=planned,
        recipe=recipe_hash(frames),
    )


def _features_store(state: Path) -> _Store:
    backbone, features, train = params.load(
        backbone=BackboneConfig, features=FeaturesConfig, train=Augmentation
    )
    planned = set()
    used = features.is_used_by(has_frozen_part=backbone.has_frozen_part)
    if used and paths.WEIGHTS.is_file():
        shards = plan_features(
            ClipIndex(paths.FRAMES),
            backbone=backbone,
            features=features,
            flip=train.flip,
            weights=file_hash(paths.WEIGHTS),
        )
        planned = {shard.name for shard in shards}
    return _Store(
        state / "features",
        paths.FEATURES,
        work="an encoding",
        abandoned="an abandoned encoding",
        planned=planned,
        recipe=None,
    )


def _shards(store: _Store, *, sweep: Sweep, abandoned: bool) -> list[str]:
    """Removes shards that nothing needs; returns a line for each group of shards kept, and why.

    A stage that begins meanwhile waits, since it might need a shard that is being removed.
    """
    if not store.folder.is_dir():
        return []
    with notes(store.folder) as unfinished:
        kept, needed = [], store.named() | store.planned
        others = _OTHERS.format(work=store.work)
        for note in unfinished:
            reason = _reason_to_keep_shards(note, store=store)
            if abandoned and reason == others:
                sweep.take(note.path, kind=f"note of {store.abandoned}")
            else:
                needed |= note.shards
                kept.append(f"kept: the shards of {reason} ({note.path})")
        return kept + _remove_shards(store, needed=needed, sweep=sweep)


def _reason_to_keep_shards(note: Note, *, store: _Store) -> str:
    if note.runs:
        return f"{store.work} that runs"
    goes_on = note.shards == store.planned if store.planned else note.recipe == store.recipe
    return (_GOES_ON if goes_on else _OTHERS).format(work=store.work)


def _remove_shards(store: _Store, *, needed: set[str], sweep: Sweep) -> list[str]:
    unused = [path for path in store.folder.glob("*.h5") if path.name not in needed]
    linked = [path for path in unused if path.stat().st_nlink > 1]
    for path in unused:
        if path not in linked and not _is_fresh(path):
            sweep.take(path, kind="shard")
    return [f"kept: {len(linked)} shards {_LINKED.format(folder=store.out)}"] if linked else []


def _checkpoints(folder: Path, *, sweep: Sweep, abandoned: bool) -> list[str]:
    """Removes checkpoints that nothing needs; returns a line for each checkpoint kept, and why."""
    trainings = sorted(path for path in folder.glob("*") if path.is_dir())
    if not trainings:
        return []
    cache, parameters, kept = cache_folder(Path.cwd()), _parameters(), []
    for training in trainings:
        try:
            with hold(training) as checkpoint:
                reason = _reason_to_keep(checkpoint, cache=cache, parameters=parameters)
                if abandoned and reason == _ABANDONED:
                    reason = ""
                if not reason:
                    _remove(checkpoint, sweep=sweep)
        except InputError as running:
            reason = str(running)
        kept += [f"kept: {training}: {reason}"] if reason else []
    return kept


def _reason_to_keep(checkpoint: Checkpoint, *, cache: Path, parameters: dict[str, Any]) -> str:
    """Why the checkpoint stays; "" for a checkpoint that nothing needs."""
    if not checkpoint.path.is_file():
        return ""
    if _is_fresh(checkpoint.path):
        return "it was written within the last hour"
    about = checkpoint.about
    if "model" in about and (cache / about["model"]).is_file():
        return ""
    return _RESUMED if about.get("parameters") == parameters else _ABANDONED


def _remove(checkpoint: Checkpoint, *, sweep: Sweep) -> None:
    if checkpoint.path.is_file():
        sweep.take(checkpoint.path, kind="checkpoint")
    if not sweep.dry:
        checkpoint.remove()


def _parameters() -> Any:
    """The parameters of the training that `dvc repro` would run, as `describe` saves them."""
    sections = dict(zip(SECTIONS, params.load(**SECTIONS), strict=True))
    return json.loads(json.dumps(as_values(sections)))


def _is_fresh(path: Path, *, seconds: float = _FRESH_SECONDS) -> bool:
    """Whether the file is younger. A file that no longer exists was just renamed by its writer."""
    try:
        return time.time() - path.stat().st_mtime < seconds
    except FileNotFoundError:
        return True
