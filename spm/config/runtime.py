"""`runtime`: how the work is done, never what comes out. No stage is rerun when it changes."""

from typing import Literal

from pydantic import Field

from spm.config.base import Section


class RuntimeConfig(Section):
    """This machine."""

    root: str | None
    """Folder that holds the data sets; null: $CLIP_SPM_DATA, else data/raw."""
    workers: int = Field(ge=1)
    """Clips decoded, and points of a grid run, at the same time."""
    loader_workers: int = Field(ge=0)
    """Processes that read training episodes ahead; 0: none, read in the training process."""
    device: Literal["auto", "cpu", "cuda"]
    """`auto`: cuda where there is one."""
    checkpoint_seconds: float = Field(ge=0)
    """Time between two training checkpoints; 0: at every optimizer step."""
    tracking: bool
    """Record runs in MLflow."""
    tracking_uri: str | None
    """MLflow's store; null: $MLFLOW_TRACKING_URI, else sqlite in the state folder."""
