"""What params.yaml asks for and cannot be: asked before the first stage works.

These checks can refuse and do nothing else, so no stage depends on them.
"""

from spm.base.errors import ConfigError
from spm.config.backbone import BackboneConfig
from spm.config.dataset import DatasetConfig
from spm.config.frames import FramesConfig
from spm.config.model import ModelConfig
from spm.dataset import split_lists
from spm.model.towers.table import check_gives, image_size
from spm.video.counting_readers import check_installed
from stages.shared import params, paths
from stages.shared.outside_files import outside_files
from stages.shared.weights_check import check_weights


def check() -> None:
    """Raises ConfigError for what `inventory` will refuse, as far as no clip is needed to tell."""
    dataset, frames, backbone, model = params.load(
        dataset=DatasetConfig, frames=FramesConfig, backbone=BackboneConfig, model=ModelConfig
    )
    check_fit(frames, backbone, model)
    split_lists.load(dataset, folder=paths.SPLITS)
    outside_files(model, backbone=backbone)
    check_weights(backbone)


def check_fit(frames: FramesConfig, backbone: BackboneConfig, model: ModelConfig) -> None:
    """Whether the reader is there, stored frames are large enough for the backbone, and it gives
    what the method needs."""
    _check_crop(frames, backbone)
    check_installed(frames.reader)
    needs = model.needs
    check_gives(model.method, features=needs.features, text=needs.text, backbone=backbone)


def _check_crop(frames: FramesConfig, backbone: BackboneConfig) -> None:
    size = image_size(backbone)
    if frames.short_side < size:
        raise ConfigError(
            f"{backbone.name} takes frames of {size}×{size} pixels, but they are stored with a "
            f"short side of {frames.short_side}: raise frames.short_side to {size} or more"
        )
