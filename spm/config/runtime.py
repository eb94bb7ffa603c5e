"""`runtime`: how the work is done. A change of this section reruns no stage.

Results stay the same up to rounding: another device, or another number of ranks or threads, sums in
another order. MLflow records these values with each training and evaluation, as tags. Only
`allow_transient` changes more than rounding: it leaves clips out, and their number is reported
beside the accuracy.
"""

from typing import Literal

from pydantic import Field, model_validator

from spm.config.base import Section
from spm.config.tracking_stores import NO_STORE, is_store


class RuntimeConfig(Section):
    """How this machine does the work."""

    root: str | None
    """Folder that holds the data sets; null: $CLIP_SPM_DATA, else data/raw."""
    workers: int = Field(ge=1)
    """Clips decoded at the same time; points of a grid run at the same time. A Dask cluster has its
    own number."""
    runner: Literal["local", "dask"]
    """Where clips are decoded: on this machine, or in a Dask cluster that shares its storage."""
    dask_scheduler: str | None
    """Address of the cluster's scheduler, as tcp://host:8786."""
    loader_workers: int = Field(ge=0)
    """Processes that read training episodes ahead; 0: the training process reads them itself."""
    clip_seconds: float = Field(gt=0)
    """Time that reading one clip may take. A clip that takes longer is tried once more, alone."""
    clip_memory_mb: int = Field(ge=256)
    """Memory that the process that reads a clip may take. Without a clip it takes 90 MB."""
    allow_transient: bool
    """Go on without clips that ran out of time or memory twice, instead of ending the stage."""
    device: Literal["auto", "cpu", "cuda"]
    """`auto`: cuda where there is one."""
    devices: int = Field(ge=1)
    """Processes that train and evaluate together on this machine, each on a GPU of its own
    (docs/scaling.md)."""
    activation_checkpointing: bool
    """Compute the visual tower's activations again in the backward pass instead of keeping them:
    for CLIP this takes a tenth of the memory and a quarter more time, and gives the same bits. An
    error for a tower without known blocks."""
    cuda_graph: bool
    """On a GPU, start the kernels of the method's training pass all at once, as a CUDA graph: the
    same kernels, and the GPU need not wait for the CPU (docs/scaling.md; not yet tried on a GPU).
    A method that reads values back from the GPU runs without, and `train` says so."""
    checkpoint_seconds: float = Field(ge=0)
    """Time between two training checkpoints; 0: at every optimizer step."""
    tracking: bool
    """Record runs in MLflow."""
    tracking_uri: str | None
    """MLflow's store; null: $MLFLOW_TRACKING_URI, else sqlite in the state folder."""

    @model_validator(mode="after")
    def _tracks_to_a_store(self) -> "RuntimeConfig":
        if self.tracking and self.tracking_uri and not is_store(self.tracking_uri):
            raise ValueError(
                f"tracking_uri = {self.tracking_uri!r} is {NO_STORE}. Give such an address, null "
                "for a database in the state folder, or set tracking to false"
            )
        return self

    @model_validator(mode="after")
    def _has_scheduler(self) -> "RuntimeConfig":
        if self.runner == "dask" and self.dask_scheduler is None:
            raise ValueError(
                "runner: dask needs the address of a scheduler. Start one with `dask scheduler`, "
                "and workers with `dask worker ADDRESS`; then set dask_scheduler: tcp://HOST:8786"
            )
        return self
