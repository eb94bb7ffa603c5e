"""Checks before the first stage that params.yaml asks for nothing impossible.

The checks change no out, so no stage depends on their code.
"""

from spm.base.errors import ConfigError
from spm.config.backbone import BackboneConfig
from spm.config.dataset import DatasetConfig
from spm.config.features import FeaturesConfig
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig
from spm.config.train import TrainConfig
from spm.dataset import split_lists
from spm.methods.registry import has_parameters
from spm.model.towers.table import check_gives, check_train_last, image_size
from spm.video.counting_readers import check_installed
from stages.shared import params, paths
from stages.shared.outside_files import outside_files
from stages.shared.weights_check import check_weights


def check() -> None:
    """Raises ConfigError where the stage `inventory` would, if no clip is needed for the check."""
    dataset, frames, backbone, features, model, train = params.load(
        dataset=DatasetConfig,
        frames=FramesConfig,
        backbone=BackboneConfig,
        features=FeaturesConfig,
        model=ModelConfig,
        train=TrainConfig,
    )
    check_fit(frames, backbone, features, model)
    check_trains(backbone, model, train)
    split_lists.load(dataset, folder=paths.SPLITS)
    outside_files(model, backbone=backbone)
    check_weights(backbone)


def check_fit(
    frames: FramesConfig, backbone: BackboneConfig, features: FeaturesConfig, model: ModelConfig
) -> None:
    """Raises ConfigError if the reader is not installed, if the stored frames are too small for
    the backbone, or if the method needs maps or texts that the backbone lacks, or features other
    than those that are stored."""
    _check_crop(frames, backbone)
    check_installed(frames.reader)
    needs = model.needs
    check_gives(model.method, features=needs.features, text=needs.text, backbone=backbone)
    _check_kind(features, backbone, model)


def check_trains(backbone: BackboneConfig, model: ModelConfig, train: TrainConfig) -> None:
    """Raises ConfigError if the training would have no parameter, or the tower cannot be cut where
    its trained part is to begin. Imports torch if a part of the tower is frozen."""
    check_train_last(backbone)
    if backbone.frozen and train.episodes and not has_parameters(model):
        raise ConfigError(
            f"backbone.frozen: true leaves nothing to train, since {model.method} has no "
            "parameters: set train.episodes: 0 for the tower and the method as they are, or train "
            "the tower (backbone.frozen: false)"
        )


def _check_crop(frames: FramesConfig, backbone: BackboneConfig) -> None:
    size = image_size(backbone)
    if frames.short_side < size:
        raise ConfigError(
            f"{backbone.name} takes frames of {size}×{size} pixels, but they are stored with a "
            f"short side of {frames.short_side}: raise frames.short_side to {size} or more"
        )


def _check_kind(features: FeaturesConfig, backbone: BackboneConfig, model: ModelConfig) -> None:
    """Of `backbone.frozen` alone: after a part of the tower, vectors and maps are still to come."""
    kind = "maps" if model.needs.features == "maps" else "vectors"
    if backbone.frozen and features.stored and features.kind != kind:
        raise ConfigError(
            f"{model.method} takes {kind}, and the frozen tower's are to be stored as "
            f"{features.kind}: set features.kind to {kind}"
        )
