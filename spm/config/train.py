"""`train`: the optimisation."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spm.config.base import Section


class TrainConfig(Section):
    """Adam on accumulated episodes; the weights that validate best are kept."""

    episodes: int = Field(ge=0)
    """Training episodes in all; 0 saves the initial model unchanged."""
    accumulate: int = Field(ge=1)
    """Episodes per optimizer step; each one's loss is divided by it."""
    episodes_per_forward: int = Field(ge=1)
    """Episodes that go through the model together; `accumulate` must be a multiple. It changes
    rounding, dropout (one stream for all of them) and batch statistics, nothing else."""
    steps_early: bool
    """Every step one episode early, as the release does: the first after `accumulate` - 1
    episodes; gradients that the end leaves over are dropped."""
    loss: Literal["mean", "sum"]
    """An episode's part in a step. `mean`: (L_CE + λ3 L_H + λ4 L_S) / accumulate, L_CE being the
    mean over queries. `sum`, the release's: L_CE summed over queries / accumulate, and
    λ3 L_H + λ4 L_S not divided."""
    lr: float = Field(gt=0)
    """Learning rate of all parameters, constant."""
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field(min_length=2, max_length=2)
    """Adam's."""
    weight_decay: float = Field(ge=0)
    """Coupled L2, as torch.optim.Adam does it."""
    flip: bool
    """Mirror half of the clips. Off wherever a class names a direction."""
    selection: Literal["validation", "test"]
    """The split whose accuracy picks the weights. `test` only to reproduce the release: the
    accuracy of such a model on the test split is no estimate of anything, and results say so.
    The episodes are the first of the final number's where `seed`, `validate_query` and
    episode.shot are evaluate's."""
    validate_every: int = Field(ge=1)
    """Episodes between two validations."""
    validate_episodes: int = Field(ge=1)
    """Episodes of one validation, the same each time."""
    validate_query: int = Field(ge=1)
    """M, query clips per class, in a validation."""
    compile: bool
    """torch.compile the visual tower: on a GPU faster after minutes, with other rounding."""
    seed: int = Field(ge=0)
    """Of episodes, crops, flips and dropout."""

    @model_validator(mode="after")
    def _has_an_episode_to_be_early_by(self) -> "TrainConfig":
        if self.steps_early and self.accumulate < 2:
            raise ValueError(
                f"steps_early needs accumulate of 2 or more (got {self.accumulate}): with 1, every "
                "episode is a step"
            )
        return self

    @model_validator(mode="after")
    def _steps_are_whole_forwards(self) -> "TrainConfig":
        if self.accumulate % self.episodes_per_forward:
            raise ValueError(
                f"accumulate = {self.accumulate} must be a multiple of episodes_per_forward "
                f"(got {self.episodes_per_forward})"
            )
        return self
