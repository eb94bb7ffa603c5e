"""Checks `backbone.train_last` against the number of blocks of the tower. Imports no torch."""

from spm.base.errors import ConfigError
from spm.config.backbone import BackboneConfig


def check_last(config: BackboneConfig, *, num_blocks: int | None) -> None:
    """Raises ConfigError if `train_last` is more than the tower has, or the tower cannot be cut.

    num_blocks: of the tower; None for one without known blocks.
    """
    last = config.train_last
    if last is None:
        return
    if num_blocks is None:
        raise ConfigError(
            f"backbone.train_last = {last}: {config.name} cannot be cut between blocks; ViTs and "
            "ResNets of open_clip and timm can, and builtin-clip: set it to null, or "
            "backbone.frozen to true"
        )
    if last > num_blocks:
        raise ConfigError(
            f"backbone.train_last = {last}: {config.name} has {num_blocks} blocks: set "
            f"{num_blocks} or less ({num_blocks} freezes only what precedes them), or null to "
            "train all"
        )
