"""`runtime`: how the work is done. No stage is rerun when it changes.

What comes out is the same to rounding: another device, another number of ranks or of threads adds
up in another order. MLflow has these beside each training and evaluation, as tags. More than that
comes of `allow_transient` alone, which leaves clips out; their number stands beside the accuracy.
"""

from typing import Literal

from pydantic import Field, model_validator

from spm.config.base import Section


class RuntimeConfig(Section):
    """This machine."""

    root: str | None
    """Folder that holds the data sets; null: $CLIP_SPM_DATA, else data/raw."""
    workers: int = Field(ge=1)
    """Clips decoded, and points of a grid run, at the same time. A Dask cluster has its own."""
    runner: Literal["local", "dask"]
    """Where clips are decoded: on this machine, or in a Dask cluster that shares its storage."""
    dask_scheduler: str | None
    """Address of the cluster's scheduler, as tcp://host:8786."""
    loader_workers: int = Field(ge=0)
    """Processes that read training episodes ahead; 0: none, read in the training process."""
    clip_seconds: float = Field(gt=0)
    """Time that reading one clip may take. A clip that takes longer is tried once more, alone."""
    clip_memory_mb: int = Field(ge=256)
    """Memory that the process that reads a clip may take; without a clip it has 90 MB."""
    allow_transient: bool
    """Go on without clips that ran out of time or memory twice, instead of ending the stage."""
    device: Literal["auto", "cpu", "cuda"]
    """`auto`: cuda where there is one."""
    devices: int = Field(ge=1)
    """Processes that train and evaluate together on this machine, each on a GPU of its own
    (docs/scaling.md)."""
    activation_checkpointing: bool
    """Compute the visual tower's activations again in the backward pass instead of keeping them:
    of CLIP a tenth of the memory, a quarter more time, the same bits. An error for a tower without
    known blocks."""
    checkpoint_seconds: float = Field(ge=0)
    """Time between two training checkpoints; 0: at every optimizer step."""
    tracking: bool
    """Record runs in MLflow."""
    tracking_uri: str | None
    """MLflow's store; null: $MLFLOW_TRACKING_URI, else sqlite in the state folder."""

    @model_validator(mode="after")
    def _has_scheduler(self) -> "RuntimeConfig":
        if self.runner == "dask" and self.dask_scheduler is None:
            raise ValueError(
                "runner: dask needs the address of a scheduler. Start one with `dask scheduler`, "
                "and workers with `dask worker ADDRESS`; then set dask_scheduler: tcp://HOST:8786"
            )
        return self
