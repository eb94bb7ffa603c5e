"""`train`: the optimisation."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from spm.config.base import Section
from spm.config.seed import Seed


class Augmentation(Section):
    """The part of `train` that storing views of training clips reads."""

    model_config = ConfigDict(extra="ignore")

    flip: bool
    """Mirror half of the clips. Turn it off if the name of a class contains a direction."""


class TrainConfig(Augmentation):
    """Optimizer steps on accumulated episodes; the weights that validate best are kept."""

    model_config = ConfigDict(extra="forbid")

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
    """An episode's contribution to a step. `mean`: L / accumulate, with L_CE the mean over queries.
    `sum`, as in many releases: L_CE summed over queries / accumulate, and what is no mean over
    queries (CLIP-SPM's λ3 L_H + λ4 L_S) not divided."""
    optimizer: Literal["adam", "adamw", "sgd"]
    """The class of torch.optim."""
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field(min_length=2, max_length=2)
    """β1 and β2 of `adam` and `adamw`."""
    momentum: float = Field(ge=0, lt=1)
    """Momentum of `sgd`; 0 for the others."""
    nesterov: bool
    """Nesterov's momentum, of `sgd`."""
    weight_decay: float = Field(ge=0)
    """Coupled L2 for `adam` and `sgd`; decoupled, times the learning rate, for `adamw`."""
    decay_norms: bool
    """Whether weights and biases of norm layers decay."""
    decay_biases: bool
    """Whether biases of other layers decay."""
    lr: float = Field(gt=0)
    """Learning rate of all parameters, after the warm-up."""
    warmup: int = Field(ge=0)
    """Episodes over which the rate rises linearly from `warmup_factor` * lr to lr; 0: none."""
    warmup_factor: float = Field(gt=0, lt=1)
    """Where a warm-up begins, as a share of lr."""
    schedule: Literal["constant", "steps", "cosine"]
    """The rate after the warm-up. `steps`: from each of `milestones` on, another share of lr.
    `cosine`: half a cosine, from lr to `final_factor` * lr after the last episode. An optimizer
    step has the rate that belongs to the number of episodes before those that it sums."""
    milestones: list[Annotated[int, Field(ge=1)]]
    """Numbers of episodes after which the rate changes, for `schedule: steps`; else []."""
    factors: list[Annotated[float, Field(gt=0)]]
    """The rate from each milestone on, as a share of lr (not of the rate before); else []."""
    final_factor: float = Field(ge=0, lt=1)
    """Where `schedule: cosine` ends, as a share of lr."""
    selection: Literal["validation", "test"]
    """The split whose accuracy picks the weights. `test` only to reproduce the release: the
    accuracy of such a model on the test split is no estimate of anything, and results say so. With
    `test`, the validation episodes are the first test episodes if `seed`, `validate_query` and
    episode.shot equal those of `evaluate`."""
    validate_every: int = Field(ge=1)
    """Episodes between two validations."""
    validate_episodes: int = Field(ge=1)
    """Episodes of one validation, the same each time; probabilities are calibrated on as many, of
    the validation split (spm.training.calibration)."""
    validate_query: int = Field(ge=1)
    """M, query clips per class, in a validation."""
    compile: bool
    """Compile the visual tower by torch.compile: faster on a GPU, after minutes of compiling;
    rounding differs."""
    seed: Seed
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

    @model_validator(mode="after")
    def _has_a_step(self) -> "TrainConfig":
        if self.episodes and self.accumulate > self.episodes:
            raise ValueError(
                f"accumulate = {self.accumulate} must be at most episodes = {self.episodes}, or no "
                "optimizer step has its episodes: lower accumulate, or raise episodes"
            )
        return self

    @model_validator(mode="after")
    def _momentum_is_of_sgd(self) -> "TrainConfig":
        if self.optimizer != "sgd" and (self.momentum or self.nesterov):
            raise ValueError(
                f"momentum = {self.momentum} and nesterov = {str(self.nesterov).lower()} are of "
                f"optimizer: sgd (got {self.optimizer}, which has betas): set them to 0 and false, "
                "or optimizer to sgd"
            )
        if self.nesterov and not self.momentum:
            raise ValueError(
                "nesterov needs momentum above 0 (got 0): set momentum, to 0.9 say, or nesterov to "
                "false"
            )
        return self

    @model_validator(mode="after")
    def _warms_up_within_the_training(self) -> "TrainConfig":
        if self.episodes and self.warmup >= self.episodes:
            raise ValueError(
                f"warmup = {self.warmup} must be less than episodes = {self.episodes}, or lr is "
                "never reached: shorten warmup, or set it to 0 for none"
            )
        return self

    @model_validator(mode="after")
    def _steps_have_milestones(self) -> "TrainConfig":
        if self.schedule != "steps" and (self.milestones or self.factors):
            raise ValueError(
                f"milestones = {self.milestones} and factors = {self.factors} are of schedule: "
                f"steps (got {self.schedule}): set both to [], or schedule to steps"
            )
        if self.schedule == "steps":
            self._check_milestones()
        return self

    def _check_milestones(self) -> None:
        if not self.milestones or len(self.milestones) != len(self.factors):
            raise ValueError(
                "schedule: steps needs milestones, and a factor for each of them (got "
                f"milestones = {self.milestones}, factors = {self.factors}), as milestones: "
                "[3000, 5000] and factors: [0.1, 0.01]"
            )
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"milestones = {self.milestones} must increase")
        if self.milestones[0] < self.warmup:
            raise ValueError(
                f"milestones = {self.milestones} begin within the warm-up of {self.warmup} "
                "episodes: the first may be where it ends"
            )
        if self.episodes and self.milestones[-1] >= self.episodes:
            raise ValueError(
                f"milestones = {self.milestones} must be less than episodes = {self.episodes}: a "
                "later one changes nothing, so leave it out together with its factor"
            )
