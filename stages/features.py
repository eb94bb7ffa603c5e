"""Stage `features`: what the frozen part of the tower gives for each clip; writes data/features/.

Without a frozen part, or with `features.stored: false`, the folder is empty, and the following
stages read data/frames.
"""

from contextlib import nullcontext
from functools import partial
from pathlib import Path

import torch

from pipeline.encoding.encode import fill_store
from pipeline.encoding.feature_plan import plan_features
from pipeline.encoding.features_folder import write_features_folder
from spm.base.atomic import atomic_folder
from spm.base.hashing import file_hash
from spm.config.backbone import BackboneConfig
from spm.config.features import FeaturesConfig
from spm.config.model import Start
from spm.config.runtime import RuntimeConfig
from spm.config.train import Augmentation
from spm.episodes.device import place
from spm.episodes.ranks import Ranks
from spm.frames.store import FrameStore
from spm.model.backbone import Backbone, build_backbone, load_tower
from stages.shared import command, params, paths
from stages.shared.launch import launch
from stages.shared.single_instance import single_instance
from stages.tracking import runs as tracking
from stages.tracking.provenance import machine_tags


def main() -> None:
    backbone, features, start, train, runtime = params.load(
        backbone=BackboneConfig,
        features=FeaturesConfig,
        model=Start,
        train=Augmentation,
        runtime=RuntimeConfig,
    )
    if not features.is_used_by(has_frozen_part=backbone.has_frozen_part):
        with atomic_folder(paths.FEATURES):
            why = "features.stored is false" if backbone.has_frozen_part else "no tower is frozen"
            print(f"features: none are stored, since {why}")
        return
    work = partial(
        _encode,
        frames=FrameStore(paths.FRAMES),
        backbone=backbone,
        features=features,
        start=start,
        train=train,
    )
    launch(work, runtime)


def _encode(
    ranks: Ranks,
    device: torch.device,
    *,
    frames: FrameStore,
    backbone: BackboneConfig,
    features: FeaturesConfig,
    start: Start,
    train: Augmentation,
) -> None:
    """The work of one rank. Rank 0 also writes the out and the MLflow run."""
    store = paths.state_dir() / "features"
    shards = plan_features(
        frames,
        backbone=backbone,
        features=features,
        flip=train.flip,
        weights=file_hash(paths.WEIGHTS),
    )
    sections = {"backbone": backbone, "features": features, "model": start, "train": train}
    record = partial(
        tracking.stage_run,
        "features",
        params=sections,
        deps=[paths.FRAMES, paths.WEIGHTS],
        outs=[paths.FEATURES],
        tags=machine_tags(device, ranks=ranks.count),
    )
    with record() if ranks.first else nullcontext(tracking.Run()) as run:
        num_encoded = fill_store(
            shards,
            store=store,
            tower=partial(_tower, backbone, start, device),
            frames=frames,
            features=features,
            flip=train.flip,
            ranks=ranks,
        )
        if ranks.first:
            write_features_folder(paths.FEATURES, frames=frames, shards=shards, store=store)
            views = sum(clip.views for shard in shards for clip in shard.clips)
            run.log_metrics({"clips": len(frames.clips), "views": views})
            print(
                f"features: {views} views of {len(frames.clips)} clips; {num_encoded} shards "
                "encoded, the others were in the store"
            )


def _tower(config: BackboneConfig, start: Start, device: torch.device) -> Backbone:
    """The tower that training starts from, in evaluation mode."""
    backbone = build_backbone(config, load_weights=start.init_from is None)
    if start.init_from is not None:
        load_tower(backbone, Path(start.init_from))
    return place(backbone, device).eval()


if __name__ == "__main__":
    command.run(single_instance(main))
