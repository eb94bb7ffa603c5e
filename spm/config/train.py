"""`train`: the optimisation."""

from pydantic import Field

from spm.config.base import Section


class TrainConfig(Section):
    """Adam on accumulated episodes, with selection on the validation split."""

    episodes: int = Field(ge=0)
    """Training episodes in all; 0 saves the initial model unchanged."""
    accumulate: int = Field(ge=1)
    """Episodes per optimizer step; each one's loss is divided by it."""
    lr: float = Field(gt=0)
    betas: list[float] = Field(min_length=2, max_length=2)
    weight_decay: float = Field(ge=0)
    """Coupled L2, as torch.optim.Adam does it."""
    flip: bool
    """Mirror half of the clips. Off wherever a class names a direction."""
    validate_every: int = Field(ge=1)
    """Episodes between two validations."""
    validate_episodes: int = Field(ge=1)
    """Episodes of one validation, the same each time."""
    seed: int = Field(ge=0)
    """Of episodes, crops, flips and dropout."""
