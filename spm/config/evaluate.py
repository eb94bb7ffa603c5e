"""`evaluate`: the final measurement on the test split."""

from pydantic import Field

from spm.config.base import Section


class EvaluateConfig(Section):
    """Fixed episodes, the same for every model."""

    episodes: int = Field(ge=2)
    shots: list[int] = Field(min_length=1)
    """K values to measure; the first is the headline."""
    query: int = Field(ge=1)
    """M, query clips per class."""
    inductive_episodes: int = Field(ge=0)
    """Of the episodes, the first so many are measured also with each query as if it were alone;
    0: none. An episode takes about four times as long so. Without PADM the two are the same."""
    batch: int = Field(ge=1)
    """Episodes per batch of the head. It can change the last digits of a logit."""
    seed: int = Field(ge=0)
