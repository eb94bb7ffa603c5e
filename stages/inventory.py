"""Stage `inventory`: lists the files of the data set, and checks that the following stages can run.

The stage runs every time, so it must be quick: it decodes nothing, and imports neither torch nor
mlflow. The following stages rerun only if its outs change.
"""

import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.machine.places import data_root, inventory_cache
from spm.base.atomic import atomic_path
from spm.base.errors import DataError
from spm.config.backbone import BackboneConfig
from spm.config.dataset import BUILT_IN, FOLDERS, DatasetConfig
from spm.config.episode import EpisodeConfig
from spm.config.evaluate import EvaluateConfig
from spm.config.features import FeaturesConfig
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig
from spm.config.runtime import RuntimeConfig
from spm.config.train import TrainConfig
from spm.dataset import inventory, manifest, split_lists
from spm.dataset.asides import asides_of, class_folder, clips_of, summary, without_clips
from spm.dataset.names import composed, look_alikes
from spm.episodes.feasibility import VALIDATION_SPLITS, check_feasible
from stages.shared import command, params, paths, preflight
from stages.shared.dataset_folder import dataset_folder
from stages.shared.outside_files import outside_files
from stages.shared.single_instance import single_instance
from stages.shared.tables import read_table
from stages.shared.weights_check import check_weights

_SHOWN = 5


def main() -> None:
    dataset, runtime = params.load(dataset=DatasetConfig, runtime=RuntimeConfig)
    frames, backbone, features, model, train = params.load(
        frames=FramesConfig,
        backbone=BackboneConfig,
        features=FeaturesConfig,
        model=ModelConfig,
        train=TrainConfig,
    )
    preflight.check_fit(frames, backbone, features, model)
    preflight.check_trains(backbone, model, train)
    split = split_lists.load(dataset, folder=paths.SPLITS)
    outside = outside_files(model, backbone=backbone)
    check_weights(backbone)
    files = _current_files(dataset, runtime=runtime)
    clips = manifest.build(files, dataset=dataset, split=split)
    _check_episodes(clips)
    _write_if_changed(_parquet(files), paths.INVENTORY)
    _write_if_changed(_json(outside), paths.WEIGHTS)


def _current_files(dataset: DatasetConfig, *, runtime: RuntimeConfig) -> pa.Table:
    """The files in the data set's folder; the recorded inventory if this machine has no folder.

    Raises DataError if there is neither.
    """
    folder = dataset_folder(dataset.name, runtime=runtime)
    _warn_of_a_hidden_folder(dataset.name, runtime=runtime)
    cache = inventory_cache(folder, state=paths.state_dir())
    files = inventory.scan(folder, kind=dataset.kind, cache=cache) if folder.is_dir() else None
    about = {b"dataset": dataset.name.encode(), b"kind": dataset.kind.encode()}
    if files is not None and clips_of(files).num_rows:
        print(f"{clips_of(files).num_rows} clips in {folder}")
        _print_asides(files, level=1 if dataset.split == FOLDERS else 0)
        return files.replace_schema_metadata(about)
    state = "does not exist" if files is None else f"holds no clips{_held(files)}"
    if paths.INVENTORY.is_file():
        recorded = read_table(paths.INVENTORY)
        if recorded.schema.metadata == about:
            print(f"{folder} {state}: the recorded inventory {paths.INVENTORY} is kept")
            return recorded
    raise DataError(_no_data(folder, state=state, dataset=dataset))


def _print_asides(files: pa.Table, *, level: int) -> None:
    """Prints ignored files, folders without clips, and folders whose names look alike.

    level: depth of the class folders below the data set's folder.
    """
    clips, asides = clips_of(files)["path"].to_pylist(), asides_of(files)
    if summary(asides):
        print(f"passed over, no clips by their names: {summary(asides)}")
    bare = without_clips(asides, clips=clips, level=level)
    if bare:
        print(f"warning: {len(bare)} folders have no clips: {_some(bare)}")
    for alike in look_alikes(class_folder(path, level=level) for path in clips):
        print(
            f"warning: {len(alike)} folders are taken as one class, {composed(alike[0])}: only "
            "the Unicode form of their names differs"
        )


def _some(bare: dict[str, str]) -> str:
    shown = [f"{name} (it holds {held})" for name, held in sorted(bare.items())[:_SHOWN]]
    return ", ".join([*shown, *(["…"] if len(bare) > _SHOWN else [])])


def _held(files: pa.Table) -> str:
    held = summary(asides_of(files))
    return f" ({held})" if held else ""


def _warn_of_a_hidden_folder(name: str, *, runtime: RuntimeConfig) -> None:
    """Warns of a folder of the user's with the name of a built-in data set: it is not read."""
    hidden = data_root(runtime.root, root=Path.cwd()) / name
    if name in BUILT_IN and hidden.is_dir():
        print(
            f"warning: {hidden} is not read, since {name} is a built-in data set, generated into "
            f"{paths.BUILT_IN_CLIPS}. Remove the folder if an earlier version generated it; else "
            "rename it, and set dataset.name to its new name",
            file=sys.stderr,
        )


def _no_data(folder: Path, *, state: str, dataset: DatasetConfig) -> str:
    if dataset.name in BUILT_IN:
        return f"{folder} {state}: `dvc repro clips` generates it"
    return (
        f"the folder of data set {dataset.name!r}, {folder}, {state}, and no inventory of it is "
        f"recorded. Put one folder per class there, or say where the data sets are: runtime.root "
        f"in params.yaml, or CLIP_SPM_DATA (now {os.environ.get('CLIP_SPM_DATA', 'not set')})"
    )


def _check_episodes(clips: pa.Table) -> None:
    """Raises DataError if a split has too few classes or clips for its episodes."""
    episode, evaluate, train = params.load(
        episode=EpisodeConfig, evaluate=EvaluateConfig, train=TrainConfig
    )
    counts = manifest.clip_counts(clips)
    way, shot = episode.way, episode.shot
    if train.episodes:
        check_feasible(counts, way=way, shot=shot, query=episode.query, split="train")
        selected_on = VALIDATION_SPLITS[train.selection]
        check_feasible(counts, way=way, shot=shot, query=train.validate_query, split=selected_on)
    for shot in evaluate.shots:
        check_feasible(counts, way=way, shot=shot, query=evaluate.query, split="test")


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


def _json(values: dict[str, str]) -> bytes:
    return (json.dumps(values, sort_keys=True, indent=2) + "\n").encode()


def _write_if_changed(content: bytes, path: Path) -> None:
    """Keeps a file with the same content and its time, so that DVC need not hash it again."""
    if path.is_file() and path.read_bytes() == content:
        return
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


if __name__ == "__main__":
    command.run(single_instance(main))
