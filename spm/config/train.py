"""`train`: the optimisation."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spm.config.base import Section


class TrainConfig(Section):
    """Adam on accumulated episodes; the weights that validate best are kept."""

    episodes: int = Field(ge=0)
    """Training episodes in all; 0 saves the initial model unchanged."""
    accumulate: int = Field(ge=1)
    """Episodes per optimizer step; each episode's loss is divided by this number."""
    episodes_per_forward: int = Field(ge=1)
    """Episodes that go through the model together; `accumulate` must be a multiple of this number.
    The number changes rounding, dropout (one random stream for all episodes) and batch statistics
    only."""
    steps_early: bool
    """Take every optimizer step one episode early, as the release does: the first after
    `accumulate` - 1 episodes. Gradients after the last step are dropped."""
    loss: Literal["mean", "sum"]
    """An episode's contribution to a step. `mean`: (L_CE + λ3 L_H + λ4 L_S) / accumulate, with L_CE
    the mean over queries. `sum`, the release's: L_CE summed over queries / accumulate, and λ3 L_H +
    λ4 L_S not divided."""
    lr: float = Field(gt=0)
    """Learning rate of all parameters, constant."""
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field(min_length=2, max_length=2)
    """Adam's β1 and β2."""
    weight_decay: float = Field(ge=0)
    """Coupled L2, as torch.optim.Adam does it."""
    flip: bool
    """Mirror half of the clips. Turn it off if the name of a class contains a direction."""
    selection: Literal["validation", "test"]
    """The split whose accuracy picks the weights. `test` only to reproduce the release: the
    accuracy of such a model on the test split is no estimate of anything, and results say so. With
    `test`, the validation episodes are the first test episodes if `seed`, `validate_query` and
    episode.shot equal those of `evaluate`."""
    validate_every: int = Field(ge=1)
    """Episodes between two validations."""
    validate_episodes: int = Field(ge=1)
    """Episodes of one validation, the same each time."""
    validate_query: int = Field(ge=1)
    """M, query clips per class, in a validation."""
    compile: bool
    """Compile the visual tower by torch.compile: faster on a GPU, after minutes of compiling;
    rounding differs."""
    seed: int = Field(ge=0)
    """Seed of episodes, crops, flips and dropout."""

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
